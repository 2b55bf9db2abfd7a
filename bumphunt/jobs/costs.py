"""How long a run takes: what each stage has cost on one core, for a bar with the remaining time and a dry run.

The costs are lines through measured runs (``benchmarks/scale.py``); another processor is faster or slower as a whole.
"""

from collections.abc import Mapping

from bumphunt.config import AnalysisConfig
from bumphunt.pipeline.further_signals import FIRST_LOOK
from bumphunt.pipeline.prior_search import LEAST_EVENTS

SECONDS = {
    # stage: (once, for each million events)
    "events": (2.5, 3.0),
    "spectrum": (0.5, 3.0),
    "scan": (3.0, 0.0),
    "training": (0.014, 0.125),
    "prior": (5.5, 80.0),
    "masses": (10.0, 25.0),
    "limit": (1.5, 0.0),
    "cross_checks": (0.3, 0.3),
    "network": (10.0, 20.0),
    "report": (8.5, 0.0),
}
"""CPU seconds of the stages; ``training`` is that of one fold of one repeat in one window, ``network`` that of one
network. From these on stands what is added for each million *searched* events, for ``events`` of those of the file.
``events`` and ``scan`` have the start of the program and of its workers in them."""

SIDE_BY_SIDE = {"scan": 1.0, "calibration": 1.0, "prior": 0.7}
"""Part of a stage that workers share: all windows of one search; of the other not the training and the permutations."""

SPREAD = 2.0
"""Runs on other processors and shared machines have taken up to so many times longer or shorter."""


def stage_costs(
    config: AnalysisConfig, *, n_events: int, n_searched: int, n_windows: int, claim: bool = False, calibration: int = 0
) -> dict[str, float]:
    """Return the expected CPU seconds of every stage of a run, in its order.

    Parameters
    ----------
    config : AnalysisConfig
        Repeats, folds, members and networks are counted.
    n_events, n_searched, n_windows : int
        Events of the file, those in the searched range, and windows.
    claim : bool
        Count the fit of the masses and the search for further signals, which only an excess asks for.
    calibration : int
        Whole searches of either kind of pseudo-data, by each declared search.
    """

    def cost(stage: str, events: int) -> float:
        once, per_million = SECONDS[stage]
        return once + per_million * events / 1e6

    trainings = config.cwola.repeats * config.cwola.folds * config.cwola.members
    latent = config.vae.enabled and config.latent.enabled
    networks = config.vae.enabled + config.autoencoder.enabled + latent
    searched = n_windows * trainings * cost("training", n_searched)
    scan = cost("scan", n_searched) + searched
    assisted = "prior" in config.searches and n_searched >= LEAST_EVENTS
    # each makes its pseudo-data anew
    repeated = searched + cost("spectrum", n_searched)
    if assisted:
        repeated += cost("prior", n_searched) + cost("spectrum", n_searched)
    return {
        "events": cost("events", n_events),
        "spectrum": cost("spectrum", n_searched),
        **({"calibration": 2 * calibration * repeated} if calibration else {}),
        "scan": scan,
        **({"prior": cost("prior", n_searched)} if assisted else {}),
        "masses": cost("masses", n_searched) if claim else 0.2,
        # about half of the windows are near what was claimed and looked at again, one or two with all repeats
        "further_signals": 0.5 * searched * min(1.0, FIRST_LOOK / config.cwola.repeats + 0.15)
        if claim and config.search.most_signals > 1
        else 0.0,
        "limit": cost("limit", n_searched),
        "cross_checks": cost("cross_checks", n_searched) + networks * cost("network", n_searched),
        "report": cost("report", 0),
    }


def expected_seconds(costs: Mapping[str, float], *, workers: int) -> float:
    """Return the expected wall time; only windows and searches of pseudo-data run side by side."""
    saved = 1.0 - 1.0 / max(1, workers)
    return sum(seconds * (1.0 - saved * SIDE_BY_SIDE.get(stage, 0.0)) for stage, seconds in costs.items())


def in_words(seconds: float) -> str:
    """Return a duration as one says it.

    Examples
    --------
    >>> [in_words(seconds) for seconds in (8.2, 95.0, 8000.0)]
    ['8 s', '1.6 min', '2.2 h']
    """
    if seconds < 60.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.1f} min" if seconds < 3600.0 else f"{seconds / 3600.0:.1f} h"
