"""Which family: the simplest dijet form that suffices, or the kernel of a Gaussian process. Both without the window."""

import numpy as np
from scipy.special import chdtrc

from bumphunt.errors import FitError
from bumphunt.spectrum.batched import derivatives, fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.families.registry import check_family
from bumphunt.spectrum.gaussian_process import AMPLITUDE, LENGTHS, Kernel
from bumphunt.spectrum.spectrum import Spectrum

NESTED = ("dijet3", "dijet4", "dijet5")
"""Families among which ``auto`` chooses, each with one parameter more than the one before."""

GAIN_P_VALUE = 0.05
"""``auto`` takes one more parameter where a gain as large has a smaller p-value than this."""


def resolve_family(spectrum: Spectrum, *, family: str) -> str:
    """Return the family that ``auto`` or ``gp`` means for these counts, and any other known name as it is.

    Parameters
    ----------
    spectrum : Spectrum
        Its masked bins are not looked at.
    family : str
        ``auto``, ``gp`` or another family.

    Raises
    ------
    InputError
        If there is no such family.
    """
    check_family(family)
    if family == "auto":
        return choose_family(spectrum)
    if family == "gp":
        return choose_kernel(spectrum).family
    return family


def choose_kernel(spectrum: Spectrum) -> Kernel:
    """Return the kernel with the largest marginal likelihood of the counts outside the mask.

    The integral over the coefficients is Laplace's: ``log L(c) - |c|^2 / 2 - log det(F + P) / 2`` at the maximum, with
    the Fisher matrix F and the prior precision P (Rasmussen and Williams, Gaussian Processes, eq. 3.32).

    Raises
    ------
    FitError
        If no kernel of the grid can be fitted.
    """
    data = spectrum.counts[None, :]
    best: tuple[float, Kernel] | None = None
    for length in LENGTHS:
        kernel = Kernel(length=length, amplitude=AMPLITUDE)
        design = make_design(spectrum, family=kernel.family)
        fit = fit_many(data, design)
        if not fit.converged[0]:
            continue
        fisher = derivatives(fit.coefficients, fit.expected, data, design)[1][0]
        evidence = -0.5 * (
            float(fit.deviance[0])
            + float(fit.coefficients[0] ** 2 @ design.penalty)
            + float(np.linalg.slogdet(fisher)[1])
        )
        if best is None or evidence > best[0]:
            best = evidence, kernel
    if best is None:
        raise FitError("no Gaussian process could be fitted to the spectrum; use a parametric family")
    return best[1]


def choose_family(spectrum: Spectrum, *, candidates: tuple[str, ...] = NESTED, threshold: float = GAIN_P_VALUE) -> str:
    """Return the first nested family that the next one does not improve significantly.

    The gain in deviance of one more parameter is chi2-distributed with one degree of freedom where
    the simpler family is true (Wilks); a p-value above ``threshold`` stops the search.
    """
    previous: tuple[str, float] | None = None
    for name in candidates:
        many = fit_many(spectrum.counts[None, :], make_design(spectrum, family=name))
        if not many.converged[0]:
            break
        deviance = float(many.deviance[0])
        if previous is not None and float(chdtrc(1, max(previous[1] - deviance, 0.0))) > threshold:
            break
        previous = (name, deviance)
    return candidates[0] if previous is None else previous[0]
