"""What is told of a scan: best window, fit with its goodness, upper limit, and where was not searched."""

from typing import Any

import numpy as np

from bumphunt.config import ChecksConfig
from bumphunt.errors import FitError
from bumphunt.results import Check, ScanResult, WindowResult
from bumphunt.results.rounding import mass_range
from bumphunt.significance.checks import spectrum_checks, verdict
from bumphunt.significance.limits import check_luminosity, window_limit
from bumphunt.significance.spectrum_scan import DEFICIT
from bumphunt.spectrum.goodness_toys import saturated_p_value
from bumphunt.statistics import SMALLEST_P

GOODNESS_TOYS = 500
"""Toys of the goodness of fit, for spectra of few events."""


def scan_summary(
    found: ScanResult,
    *,
    luminosity: float | None = None,
    acceptance: float = 1.0,
    rng: np.random.Generator,
    thresholds: ChecksConfig | None = None,
) -> dict[str, Any]:
    """Return a scan as plain data.

    Parameters
    ----------
    found : ScanResult
        From :func:`bumphunt.significance.spectrum_scan.scan_spectrum`.
    luminosity : float, optional
        1/fb; turns the limit on events into one on the cross section, in fb.
    acceptance : float
        Acceptance times efficiency of the signal.
    rng : numpy.random.Generator
        Throws the toys of the goodness of fit.
    thresholds : ChecksConfig, optional
        Thresholds of the checks that the search of events has, too.

    Returns
    -------
    dict
        All of the scan but its windows; ``status`` and ``checks`` as in ``result.json``; ``window`` and ``fit`` of the
        best one, ``goodness``, ``upper_limit`` on signal events inside the window (None where a check fails, which
        leaves no background to compare with, and in a window of a deficit that was looked for), ``not_searched``.
    """
    if luminosity is not None:
        check_luminosity(luminosity)
    summary: dict[str, Any] = {name: value for name, value in found.to_dict().items() if name != "windows"}
    best = found.best_window
    fit = None if best is None else best.fit
    checks = () if best is None else spectrum_checks(best, thresholds=thresholds or ChecksConfig())
    summary["status"] = verdict(found.z_global, checks)
    summary["checks"] = [check.to_dict() for check in checks]
    summary["window"] = None if best is None else {k: v for k, v in best.to_dict().items() if k != "fit"}
    summary["fit"] = None if fit is None else fit.to_dict()
    summary["goodness"] = None
    if fit is not None:
        summary["goodness"] = {"chi2": fit.chi2, "ndf": fit.ndf, "p_value": fit.p_value}
        summary["goodness"]["p_value_toys"] = saturated_p_value(fit, n_toys=GOODNESS_TOYS, rng=rng)
    summary["upper_limit"] = None
    trusted = all(check.passed for check in checks) and not found.p_global_method.startswith(DEFICIT)
    if best is not None and trusted and np.isfinite(best.n_expected):
        try:
            limit = window_limit(
                best.n_observed,
                best.n_expected,
                best.n_expected_error,
                luminosity=luminosity,
                acceptance=acceptance,
            )
        except FitError:
            pass
        else:
            summary["upper_limit"] = limit.to_dict()
    summary["not_searched"] = not_searched(found)
    return summary


def not_searched(found: ScanResult) -> list[dict[str, Any]]:
    """Return the parts of the spectrum, GeV, that no window covered, and why.

    Parameters
    ----------
    found : ScanResult
        The scan, at least one of whose windows has a fit.
    """
    fits = [window.fit for window in found.windows if window.fit is not None]
    if not fits:
        return []
    edges = fits[0].edges
    searched = [window for window in found.windows if not window.note]
    covered_low, covered_high = found.searched_low, found.searched_high
    if len(found.windows) > 1 and searched:
        covered_low, covered_high = min(w.low for w in searched), max(w.high for w in searched)
    if found.n_trials == 1:
        reason, upper = "outside the window that was asked for", "outside the window that was asked for"
    else:
        reason, upper = "no sideband below", "no sideband above"
    parts: list[dict[str, Any]] = []
    if covered_low > edges[0] * (1 + 1e-9):
        parts.append({"low": float(edges[0]), "high": covered_low, "reason": reason})
    if covered_high < edges[-1] * (1 - 1e-9):
        parts.append({"low": covered_high, "high": float(edges[-1]), "reason": upper})
    failed = [window for window in found.windows if window.note and _uncovered(window.low, window.high, searched)]
    parts.extend({"low": w.low, "high": w.high, "reason": w.note.removeprefix("not searched: ")} for w in failed)
    return parts


def _uncovered(low: float, high: float, searched: list[Any]) -> bool:
    return not any(window.low <= low and high <= window.high for window in searched)


def scan_text(found: ScanResult, summary: dict[str, Any]) -> str:
    """Return a scan in a few lines for people, what speaks against it before any significance."""
    failed = [Check.from_dict(check) for check in summary["checks"] if not check["passed"]]
    lines = [_against(failed)] if failed else []
    best = found.best_window
    lines.append(_counts(best) if failed and best is not None else _headline(found))
    lines.extend(found.notes)
    goodness = summary["goodness"]
    if best is not None and best.fit is not None and goodness is not None:
        how = "" if failed else f"; global p-value from {found.p_global_method}"
        lines.append(f"background {best.fit} ({goodness['p_value_toys']:.3g} from toys){how}")
    limit = summary["upper_limit"]
    if limit is not None:
        text = f"upper limit {limit['n_signal']:.1f} signal events in the window at 95 % CLs"
        text += f" (expected {limit['expected'][2]:.1f})"
        if limit["cross_section"] is not None:
            product = "sigma x B x A" if limit["acceptance"] == 1.0 else "sigma x B"
            text += f", {product} < {limit['cross_section']:.3g} fb"
        lines.append(text)
    lines.append(f"searched {mass_range(found.searched_low, found.searched_high)} GeV; outside it: not searched")
    lines.extend(f"not searched: {mass_range(p['low'], p['high'])} GeV, {p['reason']}" for p in summary["not_searched"])
    return "\n".join(lines)


def _against(failed: list[Check]) -> str:
    """Return the line that tells why the spectrum supports no claim."""
    parts = []
    for check in failed:
        if check.name == "goodness_of_fit":
            parts.append(f"the goodness of fit fails (p = {max(check.value, SMALLEST_P):.2g} < {check.threshold:g})")
        else:
            parts.append(check.meaning.rpartition(": ")[2])
    return f"no claim: {'; '.join(parts)}. No significance is given"


def _counts(best: WindowResult) -> str:
    """Return the window without a significance, for which a fit that fails is no ground."""
    error = f" ± {best.n_expected_error:.1f}" if np.isfinite(best.n_expected_error) else ""
    return (
        f"the window that stands out, {mass_range(best.low, best.high)} GeV, holds {best.n_observed:.0f} events; "
        f"the fit expects {best.n_expected:.1f}{error}"
    )


def _headline(found: ScanResult) -> str:
    """Return the best window; a global p-value that is an upper bound makes the significance a lower one."""
    text, said = str(found), f", {found.z_global:.2f} global"
    if found.z_global < 0:  # the data are quieter than most toys, which has no significance
        return text.replace(said, f", nothing globally (p = {found.p_global:.2g})")
    return text.replace(said, f", at least {found.z_global:.2f} global") if found.is_bound else text
