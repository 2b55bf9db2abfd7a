"""Unbinned extended likelihood in (mjj, mj1, mj2) of the selected events."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError
from bumphunt.masses.response import Response
from bumphunt.masses.shapes import crystal_ball_cdf, crystal_ball_pdf
from bumphunt.masses.yields import BoxYield
from bumphunt.results import Interval, MassFit, Projection, SpectrumFit
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.goodness import pearson_p_value

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

WIDTH_PRIOR = 0.25
"""Prior relative uncertainty of the mass resolutions, which differ between detectors."""

MINIMUM_SIDEBAND = 15
"""Selected sideband events below which no background density can be estimated."""

_BROAD = 0.15
"""Part of the background density spread three times wider, so that no event has a vanishing one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedEvents:
    """The events that enter the mass fit and the background they stand on (masses in GeV).

    ``mjj, mj1, mj2`` are selected events over the whole range of ``spectrum``; ``in_window``
    flags those in the signal region. Those outside the masked bins give the density of the jet
    masses of background, ``spectrum`` gives its density in mjj.
    """

    mjj: FloatArray
    mj1: FloatArray
    mj2: FloatArray
    in_window: BoolArray
    spectrum: SpectrumFit

    @property
    def outside(self) -> BoolArray:
        """Events outside the masked bins, which the background is estimated from, shape (events,)."""
        bins = np.searchsorted(self.spectrum.edges, self.mjj, side="right") - 1
        return np.asarray(~self.spectrum.masked[np.clip(bins, 0, len(self.spectrum.masked) - 1)], dtype=np.bool_)

    @property
    def range(self) -> tuple[float, float]:
        """Ends of the fitted range in mjj, GeV."""
        return float(self.spectrum.edges[0]), float(self.spectrum.edges[-1])


class _PlaneDensity:
    """Kernel density of the ordered jet masses of background, in log mass."""

    def __init__(self, mj1: FloatArray, mj2: FloatArray) -> None:
        from scipy.stats import gaussian_kde

        points = np.log(np.maximum(np.stack([mj1, mj2]), 1.0))
        # a jitter far below the resolution keeps identical masses from making a singular covariance
        points = points + 1e-3 * np.sin(np.arange(points.size, dtype=np.float64)).reshape(points.shape)
        self._narrow = gaussian_kde(points)
        self._broad = gaussian_kde(points, bw_method=3.0 * self._narrow.factor)

    def __call__(self, mj1: FloatArray, mj2: FloatArray) -> FloatArray:
        logs = np.log(np.maximum(np.stack([mj1, mj2]), 1.0))
        density = (1.0 - _BROAD) * self._narrow(logs) + _BROAD * self._broad(logs)
        return np.asarray(density / np.exp(logs.sum(axis=0)), dtype=np.float64)

    def marginal(self, axis: int, edges: FloatArray) -> FloatArray:
        """Probability of each bin of one jet mass."""
        logs = np.log(np.maximum(edges, 1.0))
        narrow, broad = self._narrow.marginal(axis), self._broad.marginal(axis)
        return np.array(
            [
                (1.0 - _BROAD) * narrow.integrate_box_1d(a, b) + _BROAD * broad.integrate_box_1d(a, b)
                for a, b in pairwise(logs)
            ]
        )


def _mjj_density(spectrum: SpectrumFit) -> Callable[[FloatArray], FloatArray]:
    """Fitted background in mjj as a density over its whole range, log-linear between bin centres."""
    widths = np.diff(spectrum.edges)
    centres = 0.5 * (spectrum.edges[:-1] + spectrum.edges[1:])
    log_density = np.log(spectrum.expected / widths / spectrum.expected.sum())

    def density(mjj: FloatArray) -> FloatArray:
        return np.asarray(np.exp(np.interp(mjj, centres, log_density)), dtype=np.float64)

    return density


def _scaled(shape: dict[str, float], scale: float) -> dict[str, float]:
    return {**shape, "width": shape["width"] * scale}


def _resonance_density(
    mjj: FloatArray,
    m_resonance: float,
    m_x: float,
    *,
    scale: float,
    response: Response,
    fitted: tuple[float, float],
) -> FloatArray:
    """Density of signal in mjj, one over the fitted range: tails beyond it are not among the events."""
    shape = _scaled(response.resonance_shape(m_resonance, m_x), scale)
    low, high = (crystal_ball_cdf(end / m_resonance, **shape) for end in fitted)
    return crystal_ball_pdf(mjj / m_resonance, **shape) / (m_resonance * max(high - low, 1e-6))


def _signal_density(
    mjj: FloatArray,
    mj1: FloatArray,
    mj2: FloatArray,
    masses: tuple[float, float, float],
    scales: tuple[float, float],
    response: Response,
    fitted: tuple[float, float],
) -> FloatArray:
    """Density of signal; the heavier jet may come from either daughter, so both orders are summed."""
    m_resonance, m_x, m_y = masses
    shape_x = _scaled(response.jet_shape(m_x, m_resonance), scales[1])
    shape_y = _scaled(response.jet_shape(m_y, m_resonance), scales[1])

    def jet(mass: FloatArray, particle: float, shape: dict[str, float]) -> FloatArray:
        return crystal_ball_pdf(mass / particle, **shape) / particle

    pair = jet(mj1, m_x, shape_x) * jet(mj2, m_y, shape_y) + jet(mj1, m_y, shape_y) * jet(mj2, m_x, shape_x)
    return pair * _resonance_density(mjj, m_resonance, max(m_x, m_y), scale=scales[0], response=response, fitted=fitted)


def fit_masses(
    selected: SelectedEvents, *, response: Response, yield_of: Callable[[tuple[float, float, float]], BoxYield]
) -> MassFit:
    """Fit the three masses and the number of selected signal events; intervals by profile likelihood.

    Parameters
    ----------
    selected : SelectedEvents
        The events and their background.
    response : Response
        Shapes of signal as functions of the masses. The resolutions float within
        :data:`WIDTH_PRIOR` of their simulated values.
    yield_of : callable
        (m_resonance, m_x, m_y) in GeV -> :class:`~bumphunt.masses.yields.BoxYield`, the count of
        signal in the whole file.

    Raises
    ------
    FitError
        If there is too little background to estimate it from, or the fit does not converge.
    """
    from iminuit import Minuit

    outside = selected.outside
    if int(outside.sum()) < MINIMUM_SIDEBAND:
        raise FitError(
            f"{int(outside.sum())} selected events in the sidebands are too few to estimate the background "
            f"under the masses; at least {MINIMUM_SIDEBAND} are needed: use a looser cut"
        )
    plane = _PlaneDensity(selected.mj1[outside], selected.mj2[outside])
    background = plane(selected.mj1, selected.mj2) * _mjj_density(selected.spectrum)(selected.mjj)
    n_events = len(selected.mjj)

    def signal(masses: tuple[float, float, float], scales: tuple[float, float]) -> FloatArray:
        return _signal_density(
            selected.mjj, selected.mj1, selected.mj2, masses, scales, response, fitted=selected.range
        )

    def cost(m_z: float, m_x: float, m_y: float, n_s: float, n_b: float, log_k_z: float, log_k_j: float) -> float:
        density = n_s * signal((m_z, m_x, m_y), (np.exp(log_k_z), np.exp(log_k_j))) + n_b * background
        prior = (log_k_z**2 + log_k_j**2) / WIDTH_PRIOR**2
        return float(2.0 * (n_s + n_b) - 2.0 * np.sum(np.log(np.maximum(density, 1e-300))) + prior)

    in_window = selected.in_window
    excess = max(float(in_window.sum()) - selected.spectrum.window_expected, 3.0)
    start = _start(selected, excess, n_events - excess, cost)
    minuit = Minuit(cost, *start, excess, n_events - excess, 0.0, 0.0)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.limits = [
        (0.9 * selected.spectrum.edges[0], 1.1 * selected.spectrum.edges[-1]),
        (20.0, 2500.0),
        (20.0, 2500.0),
        (0.0, 2.0 * n_events),
        (0.0, 2.0 * n_events),
        (-1.0, 1.0),
        (-1.0, 1.0),
    ]
    minuit.errors = [0.005 * start[0], 0.01 * start[1], 0.02 * start[2], excess**0.5, n_events**0.5, 0.1, 0.1]
    minuit.strategy = 1
    minuit.migrad(ncall=20000)
    if not minuit.valid:
        minuit.simplex().migrad(ncall=20000)
    if not minuit.valid or minuit.covariance is None:
        raise FitError("the mass fit did not converge; no masses can be given for this selection")
    intervals = [_profile(minuit, name) for name in ("m_z", "m_x", "m_y", "n_s")]
    order = [0, 1, 2, 3] if intervals[1].value >= intervals[2].value else [0, 2, 1, 3]
    statistical = [intervals[index] for index in order]
    names = [("m_z", "m_x", "m_y", "n_s")[index] for index in order]
    masses = (statistical[0].value, statistical[1].value, statistical[2].value)
    total = [_widen(interval, error) for interval, error in zip(statistical[:3], response.scale_error, strict=True)]
    box = yield_of(masses)
    scales = (float(np.exp(minuit.values["log_k_z"])), float(np.exp(minuit.values["log_k_j"])))
    projections = _projections(selected, plane, masses, scales, response, minuit.values["n_s"], minuit.values["n_b"])
    return MassFit(
        m_resonance=total[0],
        m_x=total[1],
        m_y=total[2],
        n_selected=statistical[3],
        n_signal=box.n_signal,
        efficiency=box.efficiency,
        efficiency_error=response.efficiency_error * box.efficiency,
        statistical=np.array([0.5 * (interval.high - interval.low) for interval in statistical[:3]]),
        correlation=np.array([[minuit.covariance.correlation()[a, b] for b in names] for a in names]),
        projections=projections,
        n_events=n_events,
        p_value=_goodness(projections),
    )


def _start(selected: SelectedEvents, n_s: float, n_b: float, cost: Callable[..., float]) -> tuple[float, float, float]:
    """Try every selected event of the window as the place of the peak and keep the likeliest."""
    chosen = np.flatnonzero(selected.in_window)
    chosen = chosen[:: max(len(chosen) // 300, 1)]
    m_z = float(np.median(selected.mjj[selected.in_window]))
    trials = [(m_z, float(selected.mj1[i]), float(selected.mj2[i])) for i in chosen]
    trials = [trial for trial in trials if trial[2] > 20.0] or [(m_z, 300.0, 150.0)]
    best = min(trials, key=lambda trial: cost(*trial, n_s, n_b, 0.0, 0.3))
    scan = [(scale * m_z, best[1], best[2]) for scale in np.linspace(0.95, 1.05, 21)]
    return min(scan, key=lambda trial: cost(*trial, n_s, n_b, 0.0, 0.3))


def _profile(minuit: "Minuit", name: str) -> Interval:  # type: ignore[name-defined]  # noqa: F821
    value, error = float(minuit.values[name]), float(minuit.errors[name])
    try:
        minuit.minos(name)
        merror = minuit.merrors[name]
    except (RuntimeError, KeyError):
        return Interval(value=value, low=value - error, high=value + error)
    low = -float(merror.lower) if merror.lower_valid else error
    high = float(merror.upper) if merror.upper_valid else error
    return Interval(value=value, low=value - low, high=value + high)


def _widen(interval: Interval, fraction: float) -> Interval:
    systematic = fraction * interval.value
    return Interval(
        value=interval.value,
        low=interval.value - float(np.hypot(interval.value - interval.low, systematic)),
        high=interval.value + float(np.hypot(interval.high - interval.value, systematic)),
    )


def _projections(
    selected: SelectedEvents,
    plane: _PlaneDensity,
    masses: tuple[float, float, float],
    scales: tuple[float, float],
    response: Response,
    n_s: float,
    n_b: float,
) -> tuple[Projection, ...]:
    """Bin the events of the window and the two fitted parts of the model in each mass."""
    m_resonance, m_x, m_y = masses
    inside = selected.in_window
    spectrum = selected.spectrum
    low, high = float(spectrum.edges[:-1][spectrum.window].min()), float(spectrum.edges[1:][spectrum.window].max())
    fine = np.linspace(low, high, 401)
    z_density = _resonance_density(
        fine, m_resonance, max(m_x, m_y), scale=scales[0], response=response, fitted=selected.range
    )
    signal_inside = n_s * float(np.trapezoid(z_density, fine))
    background_inside = n_b * spectrum.window_expected / float(spectrum.expected.sum())
    edges = np.linspace(low, high, 13)
    z_bins = n_s * np.array([np.trapezoid(part, grid) for part, grid in _pieces(z_density, fine, edges)])
    b_density = _mjj_density(spectrum)(fine)
    b_bins = n_b * np.array([np.trapezoid(part, grid) for part, grid in _pieces(b_density, fine, edges)])
    found = [
        Projection(
            variable="mjj",
            edges=edges,
            counts=count(selected.mjj[inside], edges),
            signal=z_bins,
            background=b_bins,
        )
    ]
    grid = np.linspace(1.0, max(float(selected.mj1.max()), 1.5 * m_x), 3000)
    density = {
        mass: crystal_ball_pdf(grid / mass, **_scaled(response.jet_shape(mass, m_resonance), scales[1])) / mass
        for mass in (m_x, m_y)
    }
    below = {
        mass: np.concatenate([[0.0], np.cumsum(0.5 * (d[1:] + d[:-1]) * np.diff(grid))]) for mass, d in density.items()
    }
    heavier = density[m_x] * below[m_y] + density[m_y] * below[m_x]
    lighter = density[m_x] * (1.0 - below[m_y]) + density[m_y] * (1.0 - below[m_x])
    for axis, (name, values, curve) in enumerate((("mj1", selected.mj1, heavier), ("mj2", selected.mj2, lighter))):
        edges = np.linspace(0.0, max(float(np.quantile(values[inside], 0.98)), 1.4 * (m_x, m_y)[axis]), 31)
        signal = signal_inside * np.diff(
            np.interp(edges, grid, np.concatenate([[0.0], np.cumsum(0.5 * (curve[1:] + curve[:-1]) * np.diff(grid))]))
        )
        found.append(
            Projection(
                variable=name,
                edges=edges,
                counts=count(values[inside], edges),
                signal=signal,
                background=background_inside * plane.marginal(axis, edges),
            )
        )
    return tuple(found)


def _pieces(values: FloatArray, grid: FloatArray, edges: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    pieces = []
    for low, high in pairwise(edges):
        points = np.linspace(low, high, 17)
        pieces.append((np.interp(points, grid, values), points))
    return pieces


def _goodness(projections: tuple[Projection, ...]) -> float:
    """Smallest of the projections' p-values, paid for as that many looks."""
    p_values = [
        pearson_p_value(part.counts, np.maximum(part.signal + part.background, 1e-9), n_parameters=2)[2]
        for part in projections
    ]
    return min(1.0, len(p_values) * min(p_values))
