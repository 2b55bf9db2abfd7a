"""The fit of one family to one spectrum, with its covariance, band and goodness."""

from bumphunt.errors import FitError
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.batched import band, effective_parameters, fit_many, sum_error
from bumphunt.spectrum.design import Design, make_design
from bumphunt.spectrum.goodness import pearson_p_value
from bumphunt.spectrum.spectrum import Spectrum


def fit_family(spectrum: Spectrum, *, family: str) -> SpectrumFit:
    """Fit one family to the bins that are not masked.

    Parameters
    ----------
    spectrum : Spectrum
        Counts, masked bins and window.
    family : str
        A parametric family or a Gaussian process with its kernel.

    Raises
    ------
    FitError
        If the fit does not converge.
    InputError
        If there is no such family or too few bins are left for it.
    """
    return fit_design(spectrum, make_design(spectrum, family=family), family=family)


def fit_design(spectrum: Spectrum, design: Design, *, family: str) -> SpectrumFit:
    """Fit a prepared design to the bins that it does not leave out; ``family`` is the name of the result.

    Raises
    ------
    FitError
        If the fit does not converge.
    """
    counts, mask, region = spectrum.counts, spectrum.masked, spectrum.window
    many = fit_many(counts[None, :], design)
    if not many.converged[0]:
        raise FitError(
            f"the {family} fit of {counts[~mask].sum():.0f} events in {int((~mask).sum())} bins did not converge"
        )
    expected, covariance = many.expected[0], many.covariance[0]
    n_parameters = effective_parameters(many.coefficients[0], expected, counts, design)
    chi2, ndf, p_value = pearson_p_value(counts[~mask], expected[~mask], n_parameters=n_parameters)
    return SpectrumFit(
        edges=spectrum.edges,
        counts=counts,
        masked=mask,
        window=region,
        family=family,
        expected=expected,
        error=band(expected, covariance, design),
        parameters=design.to_parameters @ many.coefficients[0],
        covariance=design.to_parameters @ covariance @ design.to_parameters.T,
        window_expected=float(expected[region].sum()),
        window_error=sum_error(expected, covariance, design, region),
        window_log_covariance=design.basis[region] @ covariance @ design.basis[region].T,
        deviance=float(many.deviance[0]),
        chi2=chi2,
        ndf=ndf,
        p_value=p_value,
        sqrt_s=spectrum.sqrt_s,
    )
