"""The linear algebra that all fits of one binning share."""

from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.spectrum.families.registry import parametric_family
from bumphunt.spectrum.functions import SQRT_S, design_matrix
from bumphunt.spectrum.gaussian_process import is_gaussian_process, parse_kernel, process_basis
from bumphunt.spectrum.histograms import Histogram, is_histogram
from bumphunt.spectrum.spectrum import UNSET, Energy, Spectrum, Unset, as_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """A background family on one binning, ready to be fitted.

    Attributes
    ----------
    basis : array of shape (bins, parameters)
        Basis functions of the logarithm of the density, orthonormal for conditioning.
    to_parameters : array of shape (parameters, parameters)
        Turns the coefficients of the basis into the parameters of the family.
    log_width : array of shape (bins,)
        Logarithm of the bin widths in GeV.
    single : bool array of shape (bins,)
        Bins that enter the likelihood one by one.
    merged : bool array of shape (bins,)
        Bins that enter it as one count, their sum; usually none.
    penalty : array of shape (parameters,)
        Prior precision of each coefficient: 0 for free parameters, 1 for those of a Gaussian process.
    products : array of shape (bins, parameters**2)
        Outer products of the rows of ``basis``, so that a Fisher matrix is one product of matrices.
    """

    basis: FloatArray
    to_parameters: FloatArray
    log_width: FloatArray
    single: BoolArray
    merged: BoolArray
    penalty: FloatArray
    products: FloatArray

    @property
    def n_free(self) -> int:
        """Number of parameters without a prior."""
        return int(np.sum(self.penalty == 0))


@overload
def make_design(
    edges: Spectrum, *, family: str, masked: BoolArray | None = None, merged: BoolArray | None = None
) -> Design: ...
@overload
def make_design(
    edges: FloatArray | Histogram,
    *,
    family: str,
    masked: BoolArray | None = None,
    merged: BoolArray | None = None,
    sqrt_s: float | None,
) -> Design: ...
def make_design(
    edges: FloatArray | Histogram | Spectrum,
    *,
    family: str,
    masked: BoolArray | None = None,
    merged: BoolArray | None = None,
    sqrt_s: Energy = UNSET,
) -> Design:
    """Prepare the fit of ``family`` on ``edges``.

    Parameters
    ----------
    edges : array of shape (bins + 1,), histogram or Spectrum
        Bin edges in GeV, or a UHI histogram with them; a spectrum gives its masked bins and its collision energy too.
    family : str
        Name of a parametric family, or a Gaussian process with its kernel, ``gp(length,amplitude)``.
    masked : bool array of shape (bins,), optional
        Bins left out of the likelihood.
    merged : bool array of shape (bins,), optional
        Bins that enter the likelihood as one count, their sum; of a spectrum they are then not masked.
    sqrt_s : float or None
        Collision energy in GeV, with edges or a histogram; None where none is meant, 13 TeV where a user leaves it out.

    Raises
    ------
    InputError
        If the edges or the family cannot be used, or too few bins are left.
    """
    energy = SQRT_S if isinstance(sqrt_s, Unset) else sqrt_s
    if is_histogram(edges):
        edges = as_spectrum(edges, sqrt_s=energy).edges
    elif isinstance(edges, Spectrum):
        energy = edges.sqrt_s
        if masked is None:
            masked = edges.masked if merged is None else edges.masked & ~merged
        edges = edges.edges
    if is_gaussian_process(family):
        basis, penalty = process_basis(edges, parse_kernel(family), sqrt_s=energy)
        triangle = np.eye(basis.shape[1])
    else:
        matrix = design_matrix(edges, parametric_family(family), sqrt_s=energy)
        basis, triangle = np.linalg.qr(matrix)
        penalty = np.zeros(matrix.shape[1])
    n_bins = len(basis)
    used = np.ones(n_bins, dtype=bool) if masked is None else ~np.asarray(masked, dtype=bool)
    together = np.zeros(n_bins, dtype=bool) if merged is None else used & np.asarray(merged, dtype=bool)
    single = used & ~together
    left, needed = int(single.sum()) + int(together.any()), int(np.sum(penalty == 0))
    if left < needed:
        raise InputError(
            f"{left} bins are left to fit the {needed} parameters of {family}; "
            "use a wider range, finer bins or a simpler family"
        )
    return Design(
        basis=basis,
        to_parameters=np.asarray(np.linalg.inv(triangle), dtype=np.float64),
        log_width=np.log(np.diff(np.asarray(edges, dtype=np.float64))),
        single=single,
        merged=together,
        penalty=penalty,
        products=np.einsum("bp,bq->bpq", basis, basis).reshape(n_bins, -1),
    )
