"""A background without a formula: the logarithm of the intensity is a Gaussian process (a log-Gaussian Cox process).

What to use when: the dijet families are stiffer and give smaller errors where they fit; the process is for spectra
that none of them describes, and to learn how much a result owes to the formula.

The log-density is a parabola in log m, without prior, plus a process with kernel

    k(t, t') = amplitude^2 exp(-(t - t')^2 / (2 length^2)),    t = log m,

written in the eigenvectors of the kernel, whose coefficients have unit Gaussian priors. So a fit is a Poisson fit
with a penalty, its covariance that of the Laplace approximation, and masked bins are predicted with an error that
grows towards the middle of the mask. The length is chosen by the marginal likelihood and never shorter than
:data:`SHORTEST`, several times a narrow resonance, so that the process cannot swallow a signal.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.spectrum.families.base import Family
from bumphunt.spectrum.families.registry import KERNEL
from bumphunt.spectrum.functions import design_matrix

FloatArray = npt.NDArray[np.float64]

SHORTEST = 0.3
"""Shortest length scale in log m: nine times the resolution of 3.3 %."""

LENGTHS = (0.3, 0.45, 0.7, 1.0)
"""Lengths among which the marginal likelihood chooses; the posterior is insensitive to finer steps."""

AMPLITUDE = 10.0
"""Amplitude, on purpose far above any departure from the parabola: a smaller one, though more likely, holds the fit
back towards the parabola, and its bias would exceed the error that it saves (undersmoothing)."""

_PARABOLA = Family(
    name="log-parabola",
    formula="p0 / x^(p1 + p2 log x)",
    latex=r"p_0 / x^{p_1 + p_2 \ln x}",
    basis=lambda x: np.stack([np.ones_like(x), -np.log(x), -(np.log(x) ** 2)], axis=-1),
    n_parameters=3,
)


SMALLEST_DIRECTION = 1e-4
"""Prior standard error of log counts below which a direction of the kernel changes no count that is ever seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """Length scale in log m and amplitude of the logarithm of the intensity."""

    length: float
    amplitude: float

    @property
    def family(self) -> str:
        """Name of the family with this kernel, to be given wherever a family is asked for."""
        return f"gp({self.length:g},{self.amplitude:g})"


def is_gaussian_process(family: str) -> bool:
    """Tell whether a family name means a Gaussian process."""
    return KERNEL.match(family) is not None


def parse_kernel(family: str) -> Kernel:
    """Return the kernel of ``gp(length,amplitude)``.

    Examples
    --------
    >>> parse_kernel("gp(0.3,1)")
    Kernel(length=0.3, amplitude=1.0)

    Raises
    ------
    InputError
        If the name has no kernel, or one of zero or negative length.
    """
    found = KERNEL.match(family)
    if found is None or found.group(1) is None:
        raise InputError(f"{family!r} has no kernel; give gp(length,amplitude), or let fit_spectrum choose it")
    try:
        kernel = Kernel(length=float(found.group(1)), amplitude=float(found.group(2)))
    except ValueError as error:
        raise InputError(f"{family!r}: length and amplitude must be numbers, as in gp(0.45,10)") from error
    if not SHORTEST <= kernel.length < np.inf or not 0 < kernel.amplitude < np.inf:
        raise InputError(
            f"{family}: the length must be at least {SHORTEST:g} in log m, or the process would swallow a "
            "resonance, and the amplitude positive"
        )
    return kernel


def process_basis(edges: FloatArray, kernel: Kernel, *, sqrt_s: float | None) -> tuple[FloatArray, FloatArray]:
    """Return the basis of a fit with this kernel and the prior precision of its coefficients.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    kernel : Kernel
        Length and amplitude.
    sqrt_s : float or None
        Collision energy in GeV.

    Returns
    -------
    basis : array of shape (bins, parameters)
        Three orthonormal columns of the parabola, then the eigenvectors of the kernel times the root of their
        eigenvalue.
    penalty : array of shape (parameters,)
        0 for the parabola, 1 for the rest.
    """
    mean, _ = np.linalg.qr(design_matrix(edges, _PARABOLA, sqrt_s=sqrt_s))
    log_mass = np.log(0.5 * (np.asarray(edges)[:-1] + np.asarray(edges)[1:]))
    distance = log_mass[:, None] - log_mass[None, :]
    values, vectors = np.linalg.eigh(kernel.amplitude**2 * np.exp(-0.5 * (distance / kernel.length) ** 2))
    kept = values > max(SMALLEST_DIRECTION**2, 1e-9 * values[-1])
    basis = np.concatenate([mean, (vectors[:, kept] * np.sqrt(values[kept]))[:, ::-1]], axis=1)
    penalty = np.ones(basis.shape[1])
    penalty[:3] = 0.0
    return basis, penalty
