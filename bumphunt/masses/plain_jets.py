"""Has the mass of each jet a peak? The fit against daughters that are a plain quark or gluon.

A resonance may decay to a particle and a plain jet, or to two of these. The mass of such a jet has no peak: it is
spread over an octave and more, as that of the jets of background is. A fit of two peaks then puts one of them
somewhere into that spread. So its likelihood is compared with those of signal that has the peak of one daughter only,
or of none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from bumphunt.masses.constants import JET_CORE, PLAIN_JET, QUANTILES, RESONANCE_CORE
from bumphunt.masses.likelihood import Likelihood
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.resolution import from_nominal, to_nominal
from bumphunt.masses.response import Jet

FloatArray = npt.NDArray[np.float64]

_HALVINGS = 40


def peaks_over_plain(likelihood: Likelihood, at: Parameters) -> float:
    """Return by how much two peaks describe the events better than one or none with plain jets, in 2 log likelihood.

    The numbers of signal and background are fitted again under each, all else is held at ``at``. The
    resolutions are tried as fitted and as simulated, since a peak where there is none makes them wide. What the
    selection does is taken from two peaks, as far as the masses of jets tell it.
    """
    signal, efficiency = likelihood.selected_signal(at)
    background = likelihood.background(at.background_shift) / (1.0 + at.background_shift * likelihood.spectrum.share)
    peaks = _height(signal / efficiency, background)
    plain = [
        _height(_density(likelihood, at, widening, sides), background)
        for widening in (at.widening, (1.0, 1.0))
        for sides in ((False, True), (True, False), (True, True))
    ]
    return peaks - max(plain)


def _height(signal: FloatArray, background: FloatArray) -> float:
    """Return twice the log likelihood with the part of signal that is likeliest, of densities of integral one."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        part = 0.5 * (low + high)
        rising = ((signal - background) / np.maximum(part * signal + (1.0 - part) * background, 1e-300)).sum() > 0.0
        low, high = (part, high) if rising else (low, part)
    return float(2.0 * np.log(np.maximum(low * signal + (1.0 - low) * background, 1e-300)).sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One daughter: a peak at its mass with the jet's response, or a plain jet at log ``centre`` without any."""

    jet: Jet
    log_mass: float
    widening: float
    plain: bool
    centre: float

    def density(self, log_jet: FloatArray) -> FloatArray:
        """Return the density in the logarithm of the jet's mass."""
        if self.plain:
            pull = (log_jet - self.centre) / PLAIN_JET[1]
            return np.asarray(np.exp(-0.5 * pull**2) / (np.sqrt(2.0 * np.pi) * PLAIN_JET[1]), dtype=np.float64)
        return np.asarray(np.exp(self.jet.shape.widened(log_jet - self.log_mass, self.widening)), dtype=np.float64)

    def quantiles(self) -> FloatArray:
        """Return logarithms of the jet's mass, each as likely as the others."""
        parts = (np.arange(QUANTILES) + 0.5) / QUANTILES
        if self.plain:
            return np.asarray(self.centre + PLAIN_JET[1] * ndtri(parts), dtype=np.float64)
        shape = self.jet.shape
        offsets = from_nominal(shape.quantile(parts) - shape.mode, self.widening, JET_CORE)
        return np.asarray(self.log_mass + shape.peak(self.widening) + offsets, dtype=np.float64)

    def pull(self, log_jet: FloatArray) -> FloatArray:
        """Return what the jet adds to log mjj."""
        return np.zeros_like(log_jet) if self.plain else self.jet.pull_at(log_jet - self.log_mass)


def _density(
    likelihood: Likelihood, at: Parameters, widening: tuple[float, float], plain: tuple[bool, bool]
) -> FloatArray:
    """Return the density of selected signal at the events, of integral one; ``plain`` of X and Y."""
    model, centre = likelihood.signal.model, PLAIN_JET[0] + float(np.log(at.m_resonance))
    heavy, light = (
        _Side(jet=jet, log_mass=float(np.log(mass)), widening=widening[1], plain=one, centre=centre)
        for jet, mass, one in zip((model.heavy, model.light), at.masses[1:], plain, strict=True)
    )
    log_mjj, log_1, log_2 = likelihood.logs
    total = np.zeros(len(log_mjj))
    for log_x, log_y in ((log_1, log_2), (log_2, log_1)):
        ratio = log_mjj - np.log(at.m_resonance) - heavy.pull(log_x) - light.pull(log_y)
        offset, derivative = to_nominal(ratio - model.contained.mode, widening[0], RESONANCE_CORE)
        spread = np.exp(model.contained.log_at(model.contained.mode + offset)) * derivative
        total += heavy.density(log_x) * light.density(log_y) * spread
    quantiles = np.meshgrid(heavy.quantiles(), light.quantiles(), indexing="ij")
    log_x, log_y = (part.ravel() for part in quantiles)
    pull = heavy.pull(log_x) + light.pull(log_y)
    held = model.range_probability(pull, np.ones(len(pull)), at.m_resonance, likelihood.signal.ends, widening[0])
    if likelihood.signal.acceptance is not None:
        mjj = at.m_resonance * np.exp(pull + model.contained.mode)
        pair = np.exp(np.maximum(log_x, log_y)), np.exp(np.minimum(log_x, log_y))
        held = held * likelihood.signal.acceptance(mjj, *pair)
    return total * likelihood.accepted / max(float(held.mean()), 1e-9)
