"""Upper limits on signal events, thousands at once: CLs and CLs+b, one window or a whole spectrum.

What to use when: :func:`window_limits` for counts on a background known to an error, in closed form;
:func:`poisson_limits` for a handful of events on a known background, exact; :func:`spectrum_limits` for a resonance of
known shape anywhere in a spectrum, the background profiled. All agree with pyhf, which
:mod:`bumphunt.significance.workspace` is for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, ndtri

from bumphunt.errors import FitError, InputError
from bumphunt.results import Result
from bumphunt.significance.asymptotics import OnOff, tail_probabilities
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import Design
from bumphunt.spectrum.signal_fit import fit_background_given_signal, fit_signal

FloatArray = npt.NDArray[np.float64]
BANDS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Standard deviations at which expected limits are given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalLimit(Result):
    """Upper limit on the signal events of a window or resonance.

    Attributes
    ----------
    n_signal : float
        Observed limit at ``confidence`` by ``method`` (``CLs`` or ``CLs+b``).
    expected : array of shape (5,)
        Limits expected without signal at -2, -1, 0, 1, 2 standard deviations.
    cross_section : float or None
        The observed limit over ``luminosity`` (1/fb) and ``acceptance``, in fb: on sigma x B x A where the acceptance
        is one, on sigma x B otherwise.
    """

    n_signal: float
    expected: FloatArray
    confidence: float
    method: str
    luminosity: float | None
    acceptance: float
    cross_section: float | None

    def __str__(self) -> str:
        text = f"{self.n_signal:.1f} events at {self.confidence:.0%} {self.method} (expected {self.expected[2]:.1f})"
        if self.cross_section is None:
            return text
        product = "sigma x B x A" if self.acceptance == 1.0 else "sigma x B"
        return f"{text}, {product} < {self.cross_section:.3g} fb"


def cross_section_limit(n_signal: float, *, luminosity: float, acceptance: float = 1.0) -> float:
    """Return the limit on a cross section in fb from one on events.

    Parameters
    ----------
    n_signal : float
        Upper limit on signal events.
    luminosity : float
        Integrated luminosity in 1/fb.
    acceptance : float
        Acceptance times efficiency; left at one the limit is on sigma x B x A.

    Examples
    --------
    >>> round(cross_section_limit(278.0, luminosity=139.0, acceptance=0.5), 6)
    4.0
    """
    check_luminosity(luminosity)
    if not 0 < acceptance <= 1:
        raise InputError(f"acceptance {acceptance:g} gives no cross section; it must lie between 0 and 1")
    return n_signal / (luminosity * acceptance)


def check_luminosity(luminosity: float) -> float:
    """Return an integrated luminosity as it is, or refuse what is none: NaN, infinity, zero and below.

    Raises
    ------
    InputError
        With the value.
    """
    if not 0 < luminosity < np.inf:
        raise InputError(f"luminosity {luminosity:g} /fb gives no cross section; it must be positive and finite")
    return luminosity


def window_limit(
    observed: float,
    expected: float,
    error: float,
    *,
    level: float = 0.05,
    method: str = "CLs",
    luminosity: float | None = None,
    acceptance: float = 1.0,
) -> SignalLimit:
    """Return the limit of one window with its expected band.

    Parameters
    ----------
    observed, expected, error : float
        Events seen, expected background and its standard error.
    level : float
        One minus the confidence level.
    method : str
        ``CLs`` or ``CLs+b``.
    luminosity : float, optional
        1/fb; gives a limit on the cross section, too.
    acceptance : float
        Acceptance times efficiency.
    """
    limit = window_limits(observed, expected, error, level=level, method=method)
    return SignalLimit(
        n_signal=float(limit),
        expected=expected_window_limits(observed, expected, error, level=level, method=method),
        confidence=1.0 - level,
        method=method,
        luminosity=luminosity,
        acceptance=acceptance,
        cross_section=None
        if luminosity is None
        else cross_section_limit(float(limit), luminosity=luminosity, acceptance=acceptance),
    )


def window_limits(
    observed: FloatArray | float,
    expected: FloatArray | float,
    error: FloatArray | float,
    *,
    level: float = 0.05,
    method: str = "CLs",
) -> FloatArray:
    """Return upper limits on the signal events in windows, asymptotic, for arrays of experiments.

    Parameters
    ----------
    observed, expected, error : array
        Events seen, expected background and its standard error, of any common shape.
    level : float
        One minus the confidence level.
    method : str
        ``CLs`` (never excludes what it cannot see, arXiv:hep-ex/9902006) or ``CLs+b``.
    """
    model = OnOff.from_background(observed, expected, error)
    asimov = model.asimov()

    def probability(signal: FloatArray) -> FloatArray:
        return _level(model.q_tilde(signal), asimov.q_tilde(signal), method)

    first = np.maximum(model.best_signal(), 0.0)
    scale = np.sqrt(model.on + model.off / model.tau**2 + 1.0)
    return _solve(probability, first, scale, level)


def expected_window_limits(
    observed: float, expected: float, error: float, *, level: float = 0.05, method: str = "CLs"
) -> FloatArray:
    """Return the limits expected without signal at -2 … 2 standard deviations, shape (5,) (arXiv:1007.1727, 4.4).

    As is usual, the background of the Asimov data is fitted to what was observed; give the expectation for
    ``observed`` to have a limit that knows nothing of the window.
    """
    asimov = OnOff.from_background(observed, expected, error).asimov()

    def probability(signal: FloatArray) -> FloatArray:
        return _level_at_band(asimov.q_tilde(signal), np.array(BANDS), method)

    scale = np.sqrt(asimov.on + asimov.off / asimov.tau**2 + 1.0)
    return _solve(probability, np.zeros(5), np.broadcast_to(scale, (5,)), level)


def poisson_limits(observed: FloatArray, background: FloatArray, *, level: float = 0.05) -> FloatArray:
    """Return exact CLs limits of counts on a known background: P(n <= observed | s + b) / P(n <= observed | b) = level.

    Examples
    --------
    No event seen: three, whatever the background.

    >>> import numpy as np
    >>> poisson_limits(np.array([0.0, 0.0]), np.array([0.5, 4.0])).round(3).tolist()
    [2.996, 2.996]
    """
    n, b = np.broadcast_arrays(np.asarray(observed, dtype=np.float64), np.asarray(background, dtype=np.float64))

    def probability(signal: FloatArray) -> FloatArray:
        return np.asarray(gammaincc(n + 1.0, signal + b) / np.maximum(gammaincc(n + 1.0, b), 1e-300))

    return _solve(probability, np.zeros(n.shape), np.sqrt(n + b + 1.0), level)


def spectrum_limits(
    counts: FloatArray, design: Design, signal: FloatArray, *, level: float = 0.05, method: str = "CLs"
) -> FloatArray:
    """Return upper limits on the events of a resonance of known shape, for many spectra, the background profiled.

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Spectra, without any mask.
    design : Design
        Background.
    signal : array of shape (bins,) or (rows, bins)
        Part of the signal in each bin; the limit is on the events of the whole signal.
    level : float
        One minus the confidence level.
    method : str
        ``CLs`` or ``CLs+b``.

    Returns
    -------
    array of shape (rows,)
        NaN where a fit did not converge.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    null = fit_many(counts, design, with_covariance=False)
    free = fit_signal(counts, design, signal, null=null, negative=False)
    asimov = null.expected
    good = null.converged & free.converged
    information = np.maximum(np.sum(np.asarray(signal) ** 2 / np.maximum(null.expected, 1e-9), axis=1), 1e-12)

    def probability(strength: FloatArray) -> FloatArray:
        fixed = fit_background_given_signal(counts, design, signal, strength, null=null)
        expected = fit_background_given_signal(asimov, design, signal, strength, null=null)
        good[:] &= fixed.converged & expected.converged
        q = np.where(free.n_signal > strength, 0.0, np.maximum(free.gain - fixed.gain, 0.0))
        return _level(q, np.maximum(-expected.gain, 0.0), method)

    limits = _solve(probability, free.n_signal, 1.0 / np.sqrt(information), level, steps=40)
    return np.asarray(np.where(good, limits, np.nan), dtype=np.float64)


def expected_spectrum_limits(
    counts: FloatArray, design: Design, signal: FloatArray, *, level: float = 0.05, method: str = "CLs"
) -> FloatArray:
    """Return the limits of :func:`spectrum_limits` expected without signal at -2 … 2 standard deviations.

    Parameters
    ----------
    counts, design, signal, level, method
        As there. The background of the Asimov data is fitted to each spectrum, whatever it holds.

    Returns
    -------
    array of shape (rows, 5)
        NaN where a fit did not converge.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    rows = len(counts)
    shapes = np.broadcast_to(np.atleast_2d(np.asarray(signal, dtype=np.float64)), counts.shape)
    asimov = fit_many(counts, design, with_covariance=False).expected
    data, shapes = np.repeat(asimov, len(BANDS), axis=0), np.repeat(shapes, len(BANDS), axis=0)
    null = fit_many(data, design, with_covariance=False)
    band, good = np.tile(BANDS, rows), null.converged.copy()

    def probability(strength: FloatArray) -> FloatArray:
        fixed = fit_background_given_signal(data, design, shapes, strength, null=null)
        good[:] &= fixed.converged
        return _level_at_band(np.maximum(-fixed.gain, 0.0), band, method)

    information = np.maximum(np.sum(shapes**2 / np.maximum(data, 1e-9), axis=1), 1e-12)
    limits = _solve(probability, np.zeros(len(data)), 1.0 / np.sqrt(information), level, steps=40)
    return np.asarray(np.where(good, limits, np.nan), dtype=np.float64).reshape(rows, len(BANDS))


def _level(q: FloatArray, q_asimov: FloatArray, method: str) -> FloatArray:
    with_signal, without = tail_probabilities(q, q_asimov)
    if method == "CLs":
        return np.asarray(with_signal / np.maximum(without, 1e-300), dtype=np.float64)
    if method == "CLs+b":
        return with_signal
    raise InputError(f"unknown kind of limit {method!r}; use CLs or CLs+b")


def _level_at_band(q_asimov: FloatArray, band: FloatArray, method: str) -> FloatArray:
    """Return the level where the data lie ``band`` standard deviations above the background (eq. 89)."""
    from scipy.special import ndtr

    with_signal = ndtr(band - np.sqrt(q_asimov))
    return np.asarray(with_signal if method == "CLs+b" else with_signal / ndtr(band), dtype=np.float64)


def _solve(
    probability: Callable[[FloatArray], FloatArray],
    first: FloatArray,
    scale: FloatArray,
    level: float,
    *,
    steps: int = 60,
) -> FloatArray:
    """Return where a falling probability crosses ``level``: bracket upwards from ``first``, then halve."""
    if not 0 < level < 0.5:
        raise InputError(f"a limit at a level of {level:g} makes no sense; use one between 0 and 0.5, such as 0.05")
    low = np.array(first, dtype=np.float64)
    high = low + (1.0 - ndtri(level)) * np.asarray(scale)
    for _ in range(60):
        short = probability(high) > level
        if not short.any():
            break
        low, high = np.where(short, high, low), np.where(short, low + 2.0 * (high - low) + 1e-9, high)
    else:
        raise FitError("no signal is large enough to be excluded; is the spectrum empty?")
    for _ in range(steps):
        middle = 0.5 * (low + high)
        above = probability(middle) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(0.5 * (low + high), dtype=np.float64)
