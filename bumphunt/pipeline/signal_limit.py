"""An upper limit on a signal model: the data's own selected count against what training with that signal would select.

For each number n of signal events the count in the window would be the background and ``n`` times the efficiency of a
selection trained with n in the data (:mod:`bumphunt.pipeline.injections`; ATLAS, arXiv:2005.02983). The background is
that of the selected spectrum of the data themselves, whose training stays as it was. Window, cut, and whether the
inclusive spectrum is the better way to look, are chosen by the signal and by what is *expected* without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import ConfigError, FitError, InputError
from bumphunt.events import drop_truth
from bumphunt.pipeline.fold_selection import models_can_be_kept
from bumphunt.pipeline.injections import Injection, InjectionResult, SignalSample
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, before_the_cut, effective_spectrum
from bumphunt.results import LESS_SENSITIVE, MethodLimit
from bumphunt.significance.efficiency import EfficiencyCurve, fit_efficiency
from bumphunt.significance.form import form_difference
from bumphunt.significance.marginal_limits import SelectedCount
from bumphunt.significance.scan import window_significance
from bumphunt.significance.workspace import build_workspace, upper_limit
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

FloatArray = npt.NDArray[np.float64]

LEAST_IN_WINDOW = 0.2
"""Part of a signal that its window must hold."""

PARTS = (0.0, 0.1, 0.2, 0.35, 0.6, 1.0)
"""Strengths that are injected, in units of the limit expected from the inclusive spectrum."""

NULL_MEAN = -0.25
"""Mean of the significance without signal before calibration (``analysis/results/nulls.jsonl``).

A discovery is not helped by a negative mean and is calibrated without it; a limit that left it out would exclude
too much."""


def signal_sample(search: Search, table: pd.DataFrame, *, name: str) -> SignalSample:
    """Return signal events as the search's score sees them; columns of truth are left out.

    Raises
    ------
    InputError
        If the events lack a feature of the search.
    """
    missing = [column for column in (search.resonance, *search.features) if column not in table.columns]
    if missing:
        raise InputError(
            f"{name} has no column {missing[0]!r}, which the search of the data uses; "
            "add it to the signal, or name features that both have with 'features: [...]' in the configuration"
        )
    blind = drop_truth(table)
    mjj = blind[search.resonance].to_numpy(dtype=np.float64)
    inside = (mjj >= search.edges[0]) & (mjj < search.edges[-1])
    features = np.zeros((len(mjj), len(search.features)))
    if inside.any():
        features[inside] = search.score_features(type(blind)(blind.loc[inside]))
    return SignalSample(mjj=mjj, features=features, inside=inside)


def windows_of(search: Search, signal: SignalSample, *, number: int = 1, name: str = "the signal") -> list[WindowTask]:
    """Return the windows that hold most of a signal, the best first; the data have no say in it.

    Raises
    ------
    InputError
        If no window holds enough of it.
    """
    shares = np.array([task.window.signal_region(signal.mjj).mean() for task in search.tasks])
    order = [int(place) for place in np.argsort(-shares, kind="stable") if shares[place] >= LEAST_IN_WINDOW]
    if not order:
        low, high = search.tasks[0].window.low, search.tasks[-1].window.high
        raise InputError(
            f"{name} has its median at {np.median(signal.mjj):.0f} GeV, and no window between {low:.0f} and "
            f"{high:.0f} GeV holds {LEAST_IN_WINDOW:.0%} of it; give a signal within the searched range"
        )
    return [search.tasks[place] for place in order[:number]]


def inclusive_limit_of(search: Search, task: WindowTask, signal: SignalSample) -> MethodLimit | None:
    """Return the limit from the spectrum before any cut with the signal's own shape; None where it cannot be fitted.

    The expected limits are those of data as the sidebands predict them, not as they are.
    """
    config, edges = task.config, search.edges
    try:
        fit = fit_spectrum(
            search.inclusive.counts,
            edges,
            family=search.inclusive.family,
            masked=task.masked_bins(guard=config.search.guard_bins),
            window=task.window.bins(edges),
            sqrt_s=config.sqrt_s,
        )
        workspace = build_workspace(fit, signal.fractions(edges), channel="mjj_inclusive")
        mass = float(np.median(signal.mjj))
        observed = upper_limit(workspace, mass=mass, width=config.limit.width)
        predicted = {
            **workspace,
            "observations": [{"name": "mjj_inclusive", "data": fit.expected[fit.window].tolist()}],
        }
        expected = upper_limit(predicted, mass=mass, width=config.limit.width)
    except FitError:
        return None
    return MethodLimit(
        name="inclusive", cut_fraction=None, n_signal_95=observed.n_signal_95, expected=expected.expected
    )


def strengths_of(task: WindowTask, inclusive: MethodLimit | None) -> tuple[float, ...]:
    """Return the numbers of signal events to inject: those of the configuration, or parts of the inclusive limit."""
    named = task.config.limit.strengths
    if named is not None:
        return tuple(sorted({0.0, *named}))
    region = task.window.signal_region(task.mjj).sum()
    scale = 3.0 * float(np.sqrt(region)) if inclusive is None else float(inclusive.expected[2])
    return tuple(round(part * scale, 1) for part in PARTS)


def check_trainable(config: AnalysisConfig) -> None:
    """Refuse a score that cannot be asked about events from outside.

    Raises
    ------
    ConfigError
        If it is not that of one classifier a fold.
    """
    if not models_can_be_kept(config):
        raise ConfigError(
            "limits by training with signal need cwola.nested: false and cwola.average: score; change the configuration"
        )


def injections_of(
    task: WindowTask, signal: SignalSample, strengths: Sequence[float], *, name: str = "the signal"
) -> list[Injection]:
    """Return the trainings that a limit in one window needs.

    Raises
    ------
    InputError
        If the sample holds too few events.
    """
    needed = signal.needed(max(strengths))
    if len(signal) < needed:
        raise InputError(
            f"{name} holds {len(signal)} events, too few to inject {max(strengths):.0f} of them; give at least "
            f"{needed}, or smaller limit.strengths in the configuration"
        )
    return [
        Injection(task=task, signal=signal, strength=strength, draw=draw, decorrelated=task.config.cwola.decorrelate)
        for strength in strengths
        for draw in range(task.config.limit.draws)
    ]


def selected_limits(
    task: WindowTask, outcome: WindowOutcome, trainings: Sequence[InjectionResult], *, n_events: int
) -> tuple[MethodLimit, ...]:
    """Return the limits after each cut that can be searched.

    Parameters
    ----------
    task, outcome
        The window, and what training on the data gave.
    trainings
        What trainings with injected signal gave.
    n_events : int
        Events of the file, which its signal cannot exceed.
    """
    inclusive = Spectrum.from_events(task.mjj, task.edges, sqrt_s=task.config.sqrt_s).with_window(
        task.window.bins(task.edges), masked=task.masked_bins(guard=task.config.search.guard_bins)
    )
    form = form_difference(inclusive).relative
    found = []
    for place, fraction in enumerate(task.config.search.cut_fractions):
        counted = selected_count(task, outcome.frequency[place], trainings, place=place, form=form, n_events=n_events)
        if counted is None:
            continue
        found.append(limit_of_count(*counted, name=f"selected {100 * fraction:g} %", cut_fraction=fraction))
    return tuple(replace(limit, search="cwola") for limit in found)


def limit_of_count(counted: SelectedCount, curve: EfficiencyCurve, *, name: str, cut_fraction: float) -> MethodLimit:
    """Return observed and expected limits of a count after a selection, beside what they rest on."""
    return MethodLimit(
        name=name,
        cut_fraction=cut_fraction,
        n_signal_95=counted.limit(),
        expected=counted.expected_limits(),
        clsb_95=counted.limit(method="CLs+b"),
        efficiency=np.array(curve.rows()),
        spread=float(curve.spread.max()),
        n_observed=counted.observed,
        n_expected=counted.expected,
        n_expected_error=counted.error,
        gain=counted.gain,
    )


def selected_count(
    task: WindowTask,
    frequency: npt.NDArray[np.uint8],
    trainings: Sequence[InjectionResult],
    *,
    place: int,
    form: float,
    n_events: int,
) -> tuple[SelectedCount, EfficiencyCurve] | None:
    """Return the count of the data after the cut at ``place`` and the efficiency curve; None where nothing fits."""
    effective = effective_spectrum(frequency, task)
    if effective is None:
        return None
    spectrum = effective.spectrum
    family, inclusive = task.config.search.family, count(task.mjj, task.edges)
    result = window_significance(spectrum, family=family, inclusive=inclusive, before=before_the_cut(task))
    if result.note:
        return None
    curve = fit_efficiency(
        np.array([each.strength for each in trainings]),
        np.array([each.efficiency[place] for each in trainings]),
        np.array([float(each.n_probes) for each in trainings]),
        excess_variance=float(np.mean([each.repeat_variance[place] for each in trainings]))
        * (1.0 / task.config.limit.repeats - 1.0 / task.config.cwola.repeats),
    )
    mean, width = task.null_at(task.config.search.cut_fractions[place])
    number = SelectedCount(
        observed=float(spectrum.counts[spectrum.window].sum()),
        expected=result.n_expected,
        # another form of the background may expect less as well as more
        error=float(np.hypot(result.n_expected_error, form * result.n_expected)),
        efficiency=curve,
        gain=effective.gain,
        weight=float(np.clip(max(each.weight[place] for each in trainings), 0.0, 1.0)),
        mean=min(mean, NULL_MEAN),
        width=width,
        most=float(n_events),
    )
    return number, curve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """The limits of one window, the name of the most sensitive by expectation, and sentences that belong to them."""

    inclusive: MethodLimit
    selected: tuple[MethodLimit, ...]
    chosen: str
    notes: tuple[str, ...]

    @property
    def search(self) -> str | None:
        """The search of the chosen limit or, where that is the inclusive one, of the best cut; None without any."""
        ways = [each for each in self.selected if each.name == self.chosen] or self.selected
        return min(ways, key=lambda each: float(each.expected[2])).search if ways else None


def choose(inclusive: MethodLimit | None, selected: tuple[MethodLimit, ...]) -> Choice:
    """Choose the way to look with the lowest expected limit; observed limits have no say.

    Parameters
    ----------
    inclusive, selected
        The limits; None where the inclusive spectrum could not be fitted.
    """
    whole = inclusive or MethodLimit(
        name="inclusive", cut_fraction=None, n_signal_95=np.inf, expected=np.full(5, np.inf)
    )
    chosen = min((whole, *selected), key=lambda each: float(each.expected[2]))
    notes = []
    if not selected:
        notes.append("no cut leaves enough events to fit a background; more events, or looser search.cut_fractions")
    elif chosen is whole:
        notes.append(f"after selection: {LESS_SENSITIVE}")
    top = np.inf if chosen.efficiency is None else float(chosen.efficiency[-1, 0])
    if top < chosen.n_signal_95 < np.inf:
        notes.append(f"the limit lies above the {top:.0f} events injected at most, where the efficiency is held")
    return Choice(inclusive=whole, selected=selected, chosen=chosen.name, notes=tuple(notes))


def with_threads(injections: list[Injection], threads: int) -> list[Injection]:
    """Return the same trainings with folds trained side by side, which changes no number."""
    return [replace(each, task=replace(each.task, threads=threads)) for each in injections]
