"""Efficiency of a search's selection at a given strength of signal: inject, train anew, see what passes.

A signal that the data hold already must not teach the classifier, or its efficiency at a strength would be that of a
larger one. Features are therefore dealt out anew among the events before signal is mixed in: a resonance is then no
longer in one place. Who passes is asked of signal events that were not injected. Each has one fold in each repeat and
is scored there by the model that has not seen the fold, as every event of the data is.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.pipeline.fold_selection import window_models
from bumphunt.pipeline.windows import WindowTask
from bumphunt.preprocessing.content import Keys
from bumphunt.rng import generator

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_PROBES, MOST_PROBES = 200, 4000
"""Signal events that are not injected, to see who passes: at least (or the sample is too small), and at most."""

NEIGHBOURHOOD = 0.1
"""How far features move in log of the mass where they follow it: more than a window is wide."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalSample:
    """Signal events of one model as the primary score sees them.

    ``mjj`` (events,) is in GeV; ``features`` (events, features) as the search's, zero where ``inside`` is False, for
    events outside the searched range.
    """

    mjj: FloatArray
    features: FloatArray
    inside: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.mjj)

    def fractions(self, edges: FloatArray) -> FloatArray:
        """Return the part of all signal events in each bin of mjj, shape (bins,)."""
        return np.histogram(self.mjj, bins=edges)[0] / len(self.mjj)

    def needed(self, strength: float) -> int:
        """Return how many events a sample must have for a strength to be injected."""
        return int(np.ceil(strength + 5.0 * np.sqrt(strength))) + LEAST_PROBES

    def parted(self, strength: float, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Return which events to inject, a Poisson number of them, and which others to see who passes.

        Raises
        ------
        InputError
            If there are too few for the strength.
        """
        number = min(int(rng.poisson(strength)), len(self) - LEAST_PROBES)
        if number < 0 or len(self) < self.needed(strength):
            raise InputError(
                f"{len(self)} signal events are too few to inject {strength:g} of them; give at least "
                f"{self.needed(strength)}, or smaller limit.strengths"
            )
        order = rng.permutation(len(self))
        return order[:number], order[number : number + MOST_PROBES]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Injection:
    """One training: the window of the data, signal, how many events of it on average, and the number of the draw."""

    task: WindowTask
    signal: SignalSample
    strength: float
    draw: int
    decorrelated: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InjectionResult:
    """What one training gave, by cut: part of signal in window and selection, and mean squared over mean weight.

    ``repeat_variance`` (cuts,) is the variance of the arcsine of the root of the efficiency over single repeats.
    """

    strength: float
    n_injected: int
    n_probes: int
    efficiency: FloatArray
    weight: FloatArray
    repeat_variance: FloatArray
    seconds: float


def inject(injection: Injection) -> InjectionResult:
    """Train on the data with their features dealt out anew and signal mixed in, and see which other signal passes.

    Raises
    ------
    InputError
        If the sample holds too few signal events for the strength.
    """
    start, task, signal = time.perf_counter(), injection.task, injection.signal
    rng = generator(task.seed, "injection", task.number, int(1000 * injection.strength), injection.draw)
    injected, probes = signal.parted(injection.strength, rng)
    n_injected = len(injected)
    injected, seen = injected[signal.inside[injected]], probes[signal.inside[probes]]
    mixed = _with_signal(injection, injected, rng)
    models = window_models(mixed, threads=mixed.threads)
    folds, ties = models.draw(len(seen), rng=rng)
    ranks = models.scores(signal.features[seen], folds=folds, ties=ties).single
    region = task.window.signal_region(signal.mjj[seen])
    cuts = task.config.search.cut_fractions
    single = np.stack([(ranks > 1.0 - fraction) & region for fraction in cuts])
    passes, angles = single.mean(axis=1), np.arcsin(np.sqrt(single.sum(axis=2) / len(probes)))
    total = passes.sum(axis=1)
    return InjectionResult(
        strength=injection.strength,
        n_injected=n_injected,
        n_probes=len(probes),
        efficiency=total / len(probes),
        repeat_variance=angles.var(axis=1, ddof=1) if len(ranks) > 1 else np.zeros(len(cuts)),
        weight=(passes**2).sum(axis=1) / np.maximum(total, 1e-12),
        seconds=time.perf_counter() - start,
    )


def _with_signal(injection: Injection, injected: IntArray, rng: np.random.Generator) -> WindowTask:
    """Return the window's task on events whose features were dealt out anew, signal events behind them."""
    task, signal = injection.task, injection.signal
    background = task.features[dealt(task.mjj, rng=rng, whole=injection.decorrelated)]
    keys: Keys = rng.integers(0, 2**64, size=len(injected), dtype=np.uint64)
    settings = task.config.cwola.model_copy(update={"repeats": task.config.limit.repeats})
    return replace(
        task,
        mjj=np.concatenate([task.mjj, signal.mjj[injected]]),
        features=np.concatenate([background, signal.features[injected]]),
        keys=np.concatenate([task.keys, keys]),
        config=task.config.model_copy(update={"cwola": settings}),
    )


def dealt(mjj: FloatArray, *, rng: np.random.Generator, whole: bool) -> IntArray:
    """Return whose features each event gets, shape (events,): every event's are given once.

    Parameters
    ----------
    mjj : array of shape (events,)
        GeV.
    rng : numpy.random.Generator
        Deals them out.
    whole : bool
        From any mass, for features that do not follow it; otherwise from within about 10 % of the event's own.
    """
    if whole:
        return rng.permutation(len(mjj))
    log_mass = np.log(mjj)
    giver = np.empty(len(mjj), dtype=np.int64)
    giver[np.argsort(log_mass, kind="stable")] = np.argsort(
        log_mass + NEIGHBOURHOOD * rng.standard_normal(len(mjj)), kind="stable"
    )
    return giver
