"""Saved results from a directory, checked before anything is drawn from them."""

import json
from pathlib import Path
from typing import TypeVar

import numpy as np

from bumphunt.errors import InputError, as_line
from bumphunt.results import (
    READABLE_VERSIONS,
    AnalysisResult,
    Products,
    Result,
    SignalLimits,
    SpectrumFit,
    mass_named,
    name_mass,
)

R = TypeVar("R", bound=Result)

REMEDY = "write it again with 'bumphunt run'"


def read_results(directory: str | Path) -> tuple[AnalysisResult, Products]:
    """Read ``result.json`` and ``products.json`` of a run.

    Raises
    ------
    InputError
        If a file is missing, is not JSON, lacks an entry, holds one of the wrong type, or does not fit itself.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a directory; give the output directory of 'bumphunt run'")
    result = _read(folder / "result.json", AnalysisResult)
    if result.schema_version not in READABLE_VERSIONS:
        raise InputError(
            f"{folder / 'result.json'} has schema version {result.schema_version!r}, not "
            f"{' or '.join(map(repr, READABLE_VERSIONS))}; run the analysis again with this version of bumphunt"
        )
    limit = result.answers.upper_limit
    if limit is not None and not limit.keys() >= {"n_signal_95", "mass"}:
        raise InputError(f"{folder / 'result.json'} is damaged (upper_limit lacks n_signal_95 or mass); {REMEDY}")
    products = _read(folder / "products.json", Products)
    try:
        _check_shapes(products)
    except ValueError as error:
        raise InputError(f"{folder / 'products.json'} is damaged ({error}); {REMEDY}") from error
    label, unit = mass_named(result.config)  # stored by earlier versions, results do not say it themselves
    return name_mass(result, label=label, unit=unit), name_mass(products, label=label, unit=unit)


def read_limits(directory: str | Path) -> SignalLimits | None:
    """Read ``limits.json``, the limits on signal models beside a run; None where there are none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    path = Path(directory) / "limits.json"
    return _read(path, SignalLimits, remedy="write it again with 'bumphunt limits'") if path.exists() else None


def _read(path: Path, kind: type[R], *, remedy: str = REMEDY) -> R:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise InputError(f"{path} cannot be read ({reason}); {remedy}") from error
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError(f"holds a {type(data).__name__}, not an object")
        if data.get("blind") is True:
            raise InputError(
                f"{path} is of a blinded run, of which there is no report; go on with `bumphunt run --resume`"
            )
        result = kind.from_dict(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({as_line(error, length=200)}); {remedy}") from error
    return result


def _check_shapes(products: Products) -> None:
    for name, fit in (("inclusive", products.inclusive), *_window_fits(products)):
        n = len(fit.counts)
        if (
            n < 1
            or len(fit.edges) != n + 1
            or any(len(a) != n for a in (fit.masked, fit.window, fit.expected, fit.error))
        ):
            raise ValueError(f"{name}: the arrays of the spectrum have different lengths")
        if not (np.isfinite(fit.edges).all() and (np.diff(fit.edges) > 0).all() and np.isfinite(fit.counts).all()):
            raise ValueError(f"{name}: edges must rise and counts be numbers")
    best = products.scan.best
    if best is not None and not 0 <= best < len(products.scan.windows):
        raise ValueError(f"scan: best is {best}, but there are {len(products.scan.windows)} windows")
    peaks = products.peak_scan
    if peaks is not None:
        n, steps = len(peaks.variables), len(peaks.n_taken)
        shapes = (peaks.modes.shape, peaks.mean.shape, peaks.spread.shape)
        if n < 1 or shapes != ((steps, n), (n,), (n,)):
            raise ValueError("peak_scan: the arrays have different lengths")
        curves = (peaks.half_sample, peaks.kernel)
        numbers = (peaks.robust, peaks.robust_error, peaks.seed_mean, peaks.seed_spread)
        if any(part is not None and part.shape != (steps, n) for part in curves) or any(
            part is not None and part.shape != (n,) for part in numbers
        ):
            raise ValueError("peak_scan: the arrays have different lengths")
    if products.mass_fit is not None:
        for projection in products.mass_fit.projections:
            n = len(projection.counts)
            if n < 1 or {len(projection.edges) - 1, len(projection.signal), len(projection.background)} != {n}:
                raise ValueError(f"mass_fit: the arrays of {projection.variable} have different lengths")
    plane = products.plane
    if plane is not None and (
        plane.mj1_window.shape != plane.mj2_window.shape or plane.mj1_sideband.shape != plane.mj2_sideband.shape
    ):
        raise ValueError("plane: the arrays have different lengths")


def _window_fits(products: Products) -> list[tuple[str, SpectrumFit]]:
    return [(f"window {i}", w.fit) for i, w in enumerate(products.scan.windows) if w.fit is not None]
