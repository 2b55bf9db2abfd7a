"""An upper limit on a signal model by the prior-assisted search: its count of the data, and what signal adds to it.

The score is trained on simulated signal of all masses against the data. Signal in the data makes these look a little
more like signal; how much of it is still counted then is found by injecting it and training anew, as for the other
search (:mod:`bumphunt.pipeline.signal_limit`). Masses of the data have no part in the training, so that there is
nothing to deal out anew; what passes without injected signal is asked of the models of the data themselves.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import NotSearchedError
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.pipeline.injections import SignalSample
from bumphunt.pipeline.prior_answer import FOLDS, PriorRequest, reason_against, request_of
from bumphunt.pipeline.prior_counts import Hypothesis, KeptList, WindowScores
from bumphunt.pipeline.prior_search import PreparedPrior
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.signal_limit import limit_of_count
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import MethodLimit
from bumphunt.rng import generator
from bumphunt.significance.efficiency import EfficiencyCurve, fit_efficiency
from bumphunt.significance.marginal_limits import SelectedCount

FloatArray = npt.NDArray[np.float64]

TIMES = (2.0, 8.0)
"""Strengths that are injected, in units of the limit that is expected if signal in the data changed nothing."""

CHOOSING = 1000
"""Signal events that choose the hypothesis."""

NULL_MEAN, NULL_WIDTH = -0.05, 1.05
"""A little more cautious than mean and width of a hypothesis' excess without signal, in standard deviations
(``analysis/results/prior_counts.jsonl``)."""

Train = Callable[[list["PriorInjection"]], list["PriorTraining"]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorData:
    """The data and the score trained on them, for all models; ``windows`` keeps what has been scored."""

    request: PriorRequest
    prepared: PreparedPrior
    windows: dict[int, WindowScores] = field(default_factory=dict)

    @classmethod
    def of(cls, search: Search) -> "PriorData":
        """Train on the data of a search.

        Raises
        ------
        NotSearchedError
            If the prior-assisted search does not apply to them.
        """
        reason = reason_against(search)
        if reason is not None:
            raise NotSearchedError(reason)
        whole = request_of(search)
        prepared = whole.prepare()
        columns = ["mjj", *prepared.features]
        return cls(request=replace(whole, events=BlindEvents(whole.events[columns])), prepared=prepared)

    def number(self, window: MassWindow) -> int:
        """Return the number of a window among those that are covered, or refuse it."""
        if window not in self.request.windows:
            raise NotSearchedError(f"no signal is simulated in {window}")
        return self.request.windows.index(window)

    def scores(self, number: int) -> WindowScores:
        """Return the data as scored in a window."""
        if number not in self.windows:
            self.windows[number] = WindowScores(self.prepared, number)
        return self.windows[number]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorSignal:
    """Signal events of one model: ``sample`` as of the other search, and the columns of all of them, ``events``."""

    sample: SignalSample
    events: BlindEvents

    @classmethod
    def of(cls, data: PriorData, sample: SignalSample, table: pd.DataFrame, *, name: str) -> "PriorSignal":
        """Return events as the score needs them; columns of truth are left out.

        Raises
        ------
        NotSearchedError
            If the events lack a feature.
        """
        columns = data.request.events.columns
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise NotSearchedError(f"{name} has no column {missing[0]!r}, which it uses")
        return cls(sample=sample, events=BlindEvents(drop_truth(table)[list(columns)]))

    def parted(self, strength: float, rng: np.random.Generator) -> tuple[BlindEvents, BlindEvents, int, int]:
        """Return events to inject and events to ask, those in the searched range, and how many there were of each."""
        parts = self.sample.parted(strength, rng)
        injected, probes = (BlindEvents(self.events.iloc[part[self.sample.inside[part]]]) for part in parts)
        return injected, probes, len(parts[0]), len(parts[1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorInjection:
    """One training: the data, number of a window, hypothesis, signal, how many events of it on average, the draw."""

    request: PriorRequest
    number: int
    hypothesis: Hypothesis
    signal: PriorSignal
    strength: float
    draw: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorTraining:
    """What signal events add to the count, each: mean over all of them, and mean square; ``gain`` that of kept ones."""

    strength: float
    n_injected: int
    n_probes: int
    added: float
    squared: float
    gain: float
    seconds: float


def prior_trainings(config: AnalysisConfig) -> int:
    """Return how often the score is trained with signal injected for a limit in one window."""
    named = config.limit.strengths
    return len(TIMES if named is None else [each for each in named if each > 0]) * config.limit.draws


def inject_prior(injection: PriorInjection) -> PriorTraining:
    """Train on the data with signal mixed in, and see what other signal adds to the count."""
    start, request = time.perf_counter(), injection.request
    rng = _generator(injection)
    injected, probes, n_injected, n_probes = injection.signal.parted(injection.strength, rng)
    keys = rng.integers(0, 2**64, size=len(injected), dtype=np.uint64)
    mixed = replace(
        request,
        events=BlindEvents(pd.concat([request.events, injected], ignore_index=True)),
        keys=np.concatenate([request.keys, keys]),
    )
    scores = WindowScores(mixed.prepare(), injection.number)
    found = _asked(scores, scores.kept(injection.hypothesis), injection, probes, n_probes, rng)
    return replace(found, n_injected=n_injected, seconds=time.perf_counter() - start)


def _generator(injection: PriorInjection) -> np.random.Generator:
    strength = int(1000 * injection.strength)
    return generator(injection.request.seed, "prior injection", injection.number, strength, injection.draw)


def _asked(
    scores: WindowScores,
    kept: KeptList,
    injection: PriorInjection,
    probes: BlindEvents,
    n_probes: int,
    rng: np.random.Generator,
) -> PriorTraining:
    """Return what signal events add, each scored by the model of one fold."""
    scored = scores.scored(probes, rng.integers(FOLDS, size=len(probes)))
    added = kept.adds(scores.score(scored, injection.hypothesis), scored.bins)
    positive = added[added > 0]
    return PriorTraining(
        strength=injection.strength,
        n_injected=0,
        n_probes=n_probes,
        added=float(added.sum()) / n_probes,
        squared=float((added**2).sum()) / n_probes,
        gain=float(positive.mean()) if len(positive) else 1.0,
        seconds=0.0,
    )


def prior_limit(
    data: PriorData, window: MassWindow, signal: PriorSignal, train: Train, *, n_events: int
) -> MethodLimit | None:
    """Return the limit on a model from the hypothesis that counts most of it.

    Parameters
    ----------
    data, window, signal
        The trained score, one of the windows it covers, and the model's events.
    train : callable
        Does :func:`inject_prior` for each of a list.
    n_events : int
        Events of the file, which its signal cannot exceed.

    Returns
    -------
    MethodLimit or None
        None where not even as many signal events as there are events would be excluded.

    Raises
    ------
    NotSearchedError
        If the window is not covered, or too few events are near the model's masses.
    InputError
        If the sample is too small.
    """
    number, config = data.number(window), data.request.config
    scores = data.scores(number)
    rng = generator(data.request.seed, "prior limit", number)
    choosing = BlindEvents(signal.events[signal.sample.inside].iloc[:CHOOSING])
    hypothesis = scores.best_hypothesis(choosing, rng.integers(FOLDS, size=len(choosing)))
    kept = scores.kept(hypothesis)
    first = PriorInjection(
        request=data.request, number=number, hypothesis=hypothesis, signal=signal, strength=0.0, draw=0
    )
    _, probes, _, n_probes = signal.parted(0.0, rng)
    found = [_asked(scores, kept, first, probes, n_probes, rng)]
    if found[0].added <= 0:
        return None
    named = config.limit.strengths
    if named is None:
        expected = float(_count(kept, found, n_events=n_events)[0].expected_limits()[2])
        if not np.isfinite(expected):
            return None
        strengths = [round(times * expected, 1) for times in TIMES]
    else:
        strengths = sorted({each for each in named if each > 0})
    found += train(
        [replace(first, strength=each, draw=draw) for each in strengths for draw in range(config.limit.draws)]
    )
    counted, curve = _count(kept, found, n_events=n_events)
    name = f"prior {100 * kept.part:.2g} %"
    return replace(
        limit_of_count(counted, curve, name=name, cut_fraction=kept.part), search="prior", hypothesis=hypothesis
    )


def _count(
    kept: KeptList, trainings: Sequence[PriorTraining], *, n_events: int
) -> tuple[SelectedCount, EfficiencyCurve]:
    """Return the count of the data and the efficiency, in events that add ``gain`` each."""
    gain = trainings[0].gain
    curve = fit_efficiency(
        np.array([each.strength for each in trainings]),
        np.clip([each.added / gain for each in trainings], 0.0, 1.0),
        np.array([float(each.n_probes) for each in trainings]),
    )
    counted = SelectedCount(
        observed=kept.observed,
        expected=kept.expected,
        error=kept.error,
        efficiency=curve,
        gain=gain,
        # a training whose signal adds nothing, by what lies in the sidebands, has no weight to tell
        weight=max((each.squared / (each.added * gain) for each in trainings if each.added > 0), default=1.0),
        mean=NULL_MEAN,
        width=NULL_WIDTH,
        most=float(n_events),
    )
    return counted, curve
