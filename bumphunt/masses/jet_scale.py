"""Is the scale of jet masses that of the simulation? The background in the data tells it as well as QCD is known.

Jets of background have no peak, but a scale moves the whole distribution of log(mj / mjj) at a fixed mjj. So do the
shower, the fractions of quarks and gluons, and a cut on the angles of jets: what is seen is called a scale only as far
as these do not explain it. Inside of their error nothing is changed.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bumphunt.masses.background_jets import SHIPPED_JETS, BackgroundJets
from bumphunt.masses.constants import FEWEST_BACKGROUND_JETS, JET_SCALE_MODELLING, MAX_JET_SCALE_PULL
from bumphunt.results import Interval, JetMassScale, MassFit

FloatArray = npt.NDArray[np.float64]


def jet_mass_scale(
    mjj: FloatArray, mj1: FloatArray, mj2: FloatArray, *, known: BackgroundJets = SHIPPED_JETS
) -> JetMassScale | None:
    """Compare the jet masses of background with those of a simulation.

    Parameters
    ----------
    mjj, mj1, mj2 : arrays of shape (events,)
        Background, or events of which hardly any are signal, GeV; the heavier jet's mass first.
    known : BackgroundJets
        Those of the simulation, of the shipped one by default.

    Returns
    -------
    JetMassScale or None
        None where there are too few events of masses for which background was simulated.
    """
    found, statistical, number = known.difference(mjj, mj1, mj2)
    return None if number < FEWEST_BACKGROUND_JETS else seen_scale(found, statistical=statistical)


def seen_scale(log_scale: float, *, statistical: float) -> JetMassScale:
    """Return a difference between data and simulation, and what of it is taken for a scale of jet masses.

    The variance of scales that detectors have is learned from this one difference, as far as it is larger than
    its error (the positive part of James and Stein's estimate): nothing is applied below one error of the modelling,
    and 1 - 1/4 of a difference of two errors. Beyond :data:`MAX_JET_SCALE_PULL` it is no scale that a detector has, and
    the masses are not verified: nothing is applied either.

    Examples
    --------
    >>> seen_scale(-0.02, statistical=0.003).applied
    0.0
    >>> found = seen_scale(-0.06, statistical=0.0)
    >>> round(found.applied, 3), round(found.applied_error, 3)
    (-0.047, 0.025)
    >>> seen_scale(0.15, statistical=0.003).applied
    0.0
    """
    error = float(np.hypot(JET_SCALE_MODELLING, statistical))
    pull = abs(log_scale) / error
    part = 1.0 - pull**-2 if 1.0 < pull <= MAX_JET_SCALE_PULL else 0.0
    return JetMassScale(
        log_scale=log_scale,
        statistical=statistical,
        error=error,
        applied=part * log_scale if part else 0.0,
        applied_error=float(np.sqrt(part)) * error,
    )


def on_scale(fit: MassFit, scale: JetMassScale | None) -> MassFit:
    """Return the fit with what was seen of the scale of jet masses taken out of m_x and m_y, its error in them."""
    if scale is None or scale.applied == 0.0:
        return replace(fit, jet_scale=scale)
    factor = float(np.exp(-scale.applied))
    statistical = fit.statistical * np.array([1.0, factor, factor])
    systematic = fit.systematic
    if systematic is not None:
        systematic = np.hypot(systematic, scale.applied_error * np.array([0.0, 1.0, 1.0, 0.0]))
    second = fit.second
    if second is not None:
        second = {**second, "m_x": second["m_x"] * factor, "m_y": second["m_y"] * factor}
    return replace(
        fit,
        m_x=_scaled(fit.m_x, factor, scale.applied_error),
        m_y=_scaled(fit.m_y, factor, scale.applied_error),
        statistical=statistical,
        systematic=systematic,
        second=second,
        jet_scale=scale,
    )


def _scaled(interval: Interval, factor: float, error: float) -> Interval:
    """Return the interval times ``factor``, with a relative error more in the whole of it."""
    value, more = interval.value * factor, interval.value * factor * error
    stat = [None if end is None else end * factor for end in (interval.stat_low, interval.stat_high)]
    return Interval(
        value=value,
        low=value - float(np.hypot(value - interval.low * factor, more)),
        high=value + float(np.hypot(interval.high * factor - value, more)),
        stat_low=stat[0],
        stat_high=stat[1],
    )
