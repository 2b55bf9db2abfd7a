"""How hard the cut is for signal of the data: its counts at harder and looser cuts tell what simulation cannot.

What a score looks at is simulated well, and not perfectly: substructure differs from one detector and shower to the
next. Signal of the data then passes a cut that keeps a part f of all events as simulated signal passes one that keeps
s f, with nearly the same factor s at all cuts (measured on another simulation, ``make other-simulation``). So the
numbers of signal events between neighbouring cuts, whatever their sum is, tell the factor, and with it the efficiency.
What tau21 of the selected signal says of the efficiency is where the factor is expected before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr, ndtri

from bumphunt.masses.constants import (
    FEWEST_FOR_TAU21,
    LARGEST_CUT_SCALE,
    SCORE_CUT_PRIOR,
    SCORE_CUTS,
    TAU21_BOX,
)
from bumphunt.masses.interpolation import highest
from bumphunt.masses.likelihood import Likelihood
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.substructure import Tau21Scale, simulated_near
from bumphunt.masses.yields import MassBox

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Passes = Callable[["pd.DataFrame", Sequence[float]], FloatArray]
"""How often each event of a table passes the cuts that keep given parts of the data, shape (cuts, events)."""

_STEPS = np.linspace(-LARGEST_CUT_SCALE, LARGEST_CUT_SCALE, 93)
_NUMBERS = np.geomspace(0.2, 5.0, 401)
_LOOSEST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreCuts:
    """Harder and looser cuts on the score whose events are fitted, in the data and for simulated signal.

    Parameters
    ----------
    fraction : float
        Part of the events that the cut of the fit keeps.
    fractions : tuple of float
        Parts that all cuts keep, from the loosest to the hardest, the fit's own among them.
    mjj, mj1, mj2 : arrays of shape (events,)
        Events that pass the loosest cut, GeV.
    hardest : int array of shape (events,)
        Number of the hardest cut that each passes.
    in_window, outside : bool arrays of shape (events,)
        Events in the signal region, and outside the bins that the fit of the background leaves out.
    passes : callable
        What the cuts do to simulated signal.
    """

    fraction: float
    fractions: tuple[float, ...]
    mjj: FloatArray
    mj1: FloatArray
    mj2: FloatArray
    hardest: npt.NDArray[np.int64]
    in_window: BoolArray
    outside: BoolArray
    passes: Passes

    def counts(self, box: MassBox, likelihood: Likelihood) -> tuple[FloatArray, FloatArray]:
        """Return the events between neighbouring cuts in a box of jet masses, in the window and beside it, (cuts,).

        Beside the window the box follows the growth of background's jet masses.
        """
        model, growth = likelihood.signal.model, likelihood.events.growth
        moved = [
            np.exp(growth.removed(axis, self.mjj, np.log(np.maximum(mass, 1e-3)), reference=box.masses[0]))
            for axis, mass in enumerate((self.mj1, self.mj2))
        ]
        inside = self.in_window & box.holds(self.mj1, self.mj2, model)
        beside = self.outside & box.holds(moved[0], moved[1], model)
        number = len(self.fractions)
        found = [np.bincount(self.hardest[chosen], minlength=number) for chosen in (inside, beside)]
        return found[0].astype(np.float64), found[1].astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreShift:
    """Logarithm of the factor on the cut, and what it does to the efficiency.

    ``correction`` is the efficiency over that of simulation as it is; ``statistical`` and ``prior`` are relative errors
    of it from the events, and from what is assumed before: of this factor, and of the scale of tau21. ``error`` is that
    of the logarithm, ``pull`` how far it lies from where tau21 has it, in errors of the data and of what is assumed.
    """

    log_factor: float
    error: float
    correction: float
    statistical: float
    prior: float
    pull: float


def score_shift(likelihood: Likelihood, at: Parameters, scale: Tau21Scale, cuts: ScoreCuts) -> ScoreShift | None:
    """Estimate the factor at the minimum ``at`` of ``likelihood``; its prior is Gaussian, :data:`SCORE_CUT_PRIOR` wide.

    Parameters
    ----------
    likelihood : Likelihood
        Of the events that the fit's own cut keeps.
    at : Parameters
        Its minimum.
    scale : Tau21Scale
        What tau21 of the selected signal says of the efficiency.
    cuts : ScoreCuts
        The other cuts.

    Returns
    -------
    ScoreShift or None
        None where no simulated signal is there to be compared.
    """
    table, inside, searched = simulated_near(likelihood, at)
    ladder = np.array([fraction for fraction in cuts.fraction * 2.0 ** np.arange(-4.0, 5.0) if fraction <= _LOOSEST])
    passed = cuts.passes(table, ladder.tolist())
    if inside.sum() < FEWEST_FOR_TAU21 or passed[:, searched].max(initial=0.0) <= 0.0:
        return None
    in_box, of_all = (_efficiency(ladder, row) for row in (passed[:, inside].mean(axis=1), (passed * searched).mean(1)))
    own = np.log(cuts.fraction)
    log_efficiency = np.log(of_all(own + _STEPS))
    rising = np.gradient(log_efficiency, _STEPS)
    as_simulated = float(np.interp(0.0, _STEPS, log_efficiency))
    centre = float(np.interp(as_simulated + np.log(scale.correction), log_efficiency, _STEPS))
    slope = max(float(np.interp(centre, _STEPS, rising)), 1e-3)
    prior = float(np.hypot(SCORE_CUT_PRIOR, np.hypot(scale.statistical, scale.prior) / slope))
    events = likelihood.events
    seen, beside = cuts.counts(MassBox(masses=at.masses, widths=TAU21_BOX), likelihood)
    background = events.spectrum.window_expected / max(float(events.outside.sum()), 1.0)
    relative = events.spectrum.window_error / max(events.spectrum.window_expected, 1e-9)
    expected = background * beside
    number = float((seen - expected)[cuts.fractions.index(cuts.fraction) :].sum())
    penalty = ((_STEPS - centre) / prior) ** 2
    if number >= FEWEST_FOR_TAU21:
        passing = in_box(np.log(cuts.fractions)[None, :] + _STEPS[:, None])
        between = passing - np.column_stack([passing[:, 1:], np.zeros(len(_STEPS))])
        whole = number / max(float(in_box(np.array([own]))[0]), 1e-3)
        means = whole * _NUMBERS[None, :, None] * np.maximum(between, 1e-6)[:, None, :]
        variance = means + expected + background**2 * (beside + 1.0) + (relative * expected) ** 2
        rise = ((seen - means - expected) ** 2 / variance + np.log(variance)).sum(axis=2)
        penalty = penalty + rise.min(axis=1)
    log_factor = highest(_STEPS, -penalty)
    weight = np.exp(-0.5 * (penalty - penalty.min()))
    mean = float(np.average(_STEPS, weights=weight))
    error = min(float(np.sqrt(np.average((_STEPS - mean) ** 2, weights=weight))), prior)
    share = 1.0 - (error / prior) ** 2  # of the data in what is known of the factor
    slope = abs(float(np.interp(log_factor, _STEPS, rising)))
    return ScoreShift(
        log_factor=log_factor,
        error=error,
        correction=float(np.exp(np.interp(log_factor, _STEPS, log_efficiency) - as_simulated)),
        statistical=slope * error * share**0.5,
        prior=slope * error * (1.0 - share) ** 0.5,
        pull=abs(log_factor - centre) / (prior * max(share, 1e-3) ** 0.5),
    )


def corrected(scale: Tau21Scale, shift: ScoreShift | None) -> Tau21Scale:
    """Return what is known of the efficiency by tau21 and by the shift of the score together."""
    if shift is None:
        return scale
    return replace(scale, correction=shift.correction, statistical=shift.statistical, prior=shift.prior)


def cuts_near(fraction: float) -> tuple[float, ...]:
    """Return the parts of the events that harder and looser cuts keep, from the loosest to the hardest."""
    return tuple(fraction * step for step in SCORE_CUTS if min(step, fraction * step / _LOOSEST) <= 1.0)


def _efficiency(fractions: FloatArray, passing: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Return the efficiency as a smooth rising function of the logarithm of what a cut keeps of all events."""
    quantiles = ndtri(np.clip(np.maximum.accumulate(passing), 1e-4, 1.0 - 1e-4))
    curve = PchipInterpolator(np.log(fractions), quantiles)
    ends = np.log(fractions[[0, -1]])
    slopes = np.maximum(curve.derivative()(ends), 0.3)

    def at(log_fraction: FloatArray) -> FloatArray:
        within = np.clip(log_fraction, *ends)
        beyond = np.where(log_fraction < ends[0], slopes[0], slopes[1]) * (log_fraction - within)
        return np.asarray(ndtr(curve(within) + beyond), dtype=np.float64)

    return at
