"""What the detector makes of a particle's mass: the shapes of signal in mjj and in the jet masses.

The shapes come from simulated signal over a grid of masses (``make response``) and are shipped as
``response.json``. They depend on how wide a decay opens, about 4 m / m_resonance in ΔR: a light
particle's jet lies above its mass (soft particles that an ungroomed R = 1 jet collects), a heavy
one's loses part of its decay, and mjj with it. Jet shapes are those of events whose mjj is near
the resonance, so that the two losses are not counted twice.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from bumphunt.masses.shapes import crystal_ball_cdf, crystal_ball_pdf

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SHAPE_PARAMETERS = ("mode", "width", "alpha_low", "n_low", "alpha_high", "n_high")
FITTED_RANGE = (0.7, 1.6)
"""Range of reconstructed over true mass in which the shapes are fitted."""

NEAR_RESONANCE = (0.9, 1.1)
"""Range of mjj over m_resonance of the events whose jets give the jet shapes."""

LARGEST_OPENNESS = 0.85
"""Above it most decays no longer fit into one jet of R = 1, and a jet mass says little about its particle."""

TAIL_POWER = 2.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """Shape parameters of reconstructed over true mass, interpolated between simulated points.

    ``openness`` (points,) rises; at each, ``jet`` (points, 6) holds the shape of jet mass over
    particle mass and ``contained`` (points,) the part of jets that the shape describes.
    ``resonance`` is the shape of mjj over m_resonance at the openness ``resonance_openness`` of the
    heavier daughter, for events whose jets lie near the daughters' masses: a selection keeps those, and
    in them mjj comes out up to one percent off that of all signal. ``box_correction`` is the simulated over
    the factorised efficiency of the mass box, since the losses go together. ``scale_error`` (3,) is the
    systematic error of m_resonance, m_x, m_y as a fraction of each, ``efficiency_error`` that of the yield.
    """

    openness: FloatArray
    jet: FloatArray
    contained: FloatArray
    resonance_openness: FloatArray
    resonance: FloatArray
    box_correction: FloatArray
    scale_error: FloatArray
    efficiency_error: float

    def resonance_shape(self, m_resonance: float, m_x: float) -> dict[str, float]:
        """Return the shape of mjj / m_resonance when the heavier daughter has mass ``m_x`` (GeV)."""
        return _interpolate(4.0 * m_x / m_resonance, self.resonance_openness, self.resonance)

    def jet_shape(self, mass: float, m_resonance: float) -> dict[str, float]:
        """Return the shape of jet mass / particle mass for a particle of ``mass`` GeV."""
        return _interpolate(4.0 * mass / m_resonance, self.openness, self.jet)

    def resonance_fraction(self, low: float, high: float, m_resonance: float, m_x: float) -> float:
        """Return the part of signal in the mass box that has ``low < mjj < high`` (GeV)."""
        shape = self.resonance_shape(m_resonance, m_x)
        return crystal_ball_cdf(high / m_resonance, **shape) - crystal_ball_cdf(low / m_resonance, **shape)

    def jet_fraction(self, low: float, high: float, mass: float, m_resonance: float) -> float:
        """Return the part of jets of a particle of ``mass`` GeV with a mass between ``low`` and ``high`` GeV."""
        shape = self.jet_shape(mass, m_resonance)
        inside = crystal_ball_cdf(high / mass, **shape) - crystal_ball_cdf(low / mass, **shape)
        return inside * float(np.interp(4.0 * mass / m_resonance, self.openness, self.contained))

    def in_box(
        self, mj1: FloatArray, mj2: FloatArray, *, masses: tuple[float, float, float], widths: float
    ) -> BoolArray:
        """Return the events with a jet near either daughter's mass, whichever is the heavier, shape (events,).

        The box reaches ``widths`` core widths of the jet mass to either side of its peak.
        """
        x_low, x_high = self._jet_range(masses[1], masses[0], widths)
        y_low, y_high = self._jet_range(masses[2], masses[0], widths)
        straight = (mj1 > x_low) & (mj1 < x_high) & (mj2 > y_low) & (mj2 < y_high)
        crossed = (mj2 > x_low) & (mj2 < x_high) & (mj1 > y_low) & (mj1 < y_high)
        return np.asarray(straight | crossed, dtype=np.bool_)

    def box_efficiency(self, masses: tuple[float, float, float], *, low: float, high: float, widths: float) -> float:
        """Return the part of signal in the box of jet masses with ``low < mjj < high`` (GeV)."""
        m_resonance, m_x, m_y = masses
        in_x = self.jet_fraction(*self._jet_range(m_x, m_resonance, widths), m_x, m_resonance)
        in_y = self.jet_fraction(*self._jet_range(m_y, m_resonance, widths), m_y, m_resonance)
        correlation = float(np.interp(4.0 * m_x / m_resonance, self.resonance_openness, self.box_correction))
        return in_x * in_y * self.resonance_fraction(low, high, m_resonance, m_x) * correlation

    def _jet_range(self, mass: float, m_resonance: float, widths: float) -> tuple[float, float]:
        shape = self.jet_shape(mass, m_resonance)
        half = widths * shape["width"]
        return mass * (shape["mode"] - half), mass * (shape["mode"] + half)


def _interpolate(openness: float, points: FloatArray, shapes: FloatArray) -> dict[str, float]:
    return {name: float(np.interp(openness, points, shapes[:, column])) for column, name in enumerate(SHAPE_PARAMETERS)}


@cache
def load_response() -> Response:
    """Return the response shipped with the package."""
    return response_from_dict(json.loads(files("bumphunt.masses").joinpath("response.json").read_text("utf-8")))


def response_from_dict(data: Mapping[str, Any]) -> Response:
    """Rebuild a response from the content of ``response.json``."""
    arrays = {
        field.name: np.asarray(data[field.name], dtype=np.float64)
        for field in fields(Response)
        if field.name != "efficiency_error"
    }
    return Response(**arrays, efficiency_error=float(data["efficiency_error"]))


def fit_response(
    samples: Sequence[tuple[tuple[float, float, float], FloatArray]],
    *,
    scale_error: Sequence[float],
    efficiency_error: float,
) -> dict[str, Any]:
    """Fit the response to simulated signal and return the content of ``response.json``.

    Parameters
    ----------
    samples : sequence of ((m_resonance, m_x, m_y), array of shape (events, 3))
        True masses in GeV with the events' mjj, mj1 and mj2.
    scale_error : three floats
        Systematic error of the three masses as fractions.
    efficiency_error : float
        Systematic error of the efficiency as a fraction.
    """
    used = [(masses, table) for masses, table in samples if 4.0 * masses[1] / masses[0] <= LARGEST_OPENNESS]
    used.sort(key=lambda sample: sample[0][1] / sample[0][0])
    jets: list[tuple[float, list[float], float]] = []
    for (m_resonance, m_x, m_y), table in used:
        ratio = table[:, 0] / m_resonance
        near = (ratio > NEAR_RESONANCE[0]) & (ratio < NEAR_RESONANCE[1])
        jets.append((4.0 * m_x / m_resonance, *_fit_shape(table[near, 1] / m_x)))
        # where X lost part of its decay, the heavier jet may be Y's: the lighter jet then is not
        whole = near & (table[:, 1] > FITTED_RANGE[0] * m_x)
        jets.append((4.0 * m_y / m_resonance, *_fit_shape(table[whole, 2] / m_y)))
    jets.sort(key=lambda point: point[0])
    content: dict[str, Any] = {
        "openness": [point[0] for point in jets],
        "jet": [point[1] for point in jets],
        "contained": [point[2] for point in jets],
        "resonance_openness": [4.0 * masses[1] / masses[0] for masses, _ in used],
        "resonance": [[1.0] * len(SHAPE_PARAMETERS)] * len(used),
        "box_correction": [1.0] * len(used),
        "scale_error": list(scale_error),
        "efficiency_error": efficiency_error,
        "masses": [list(masses) for masses, _ in used],
    }
    jets_only = response_from_dict(content)
    content["resonance"] = [
        _fit_shape(table[_box(jets_only, masses, table), 0] / masses[0])[0] for masses, table in used
    ]
    without_correction = response_from_dict(content)
    content["box_correction"] = [_box_correction(without_correction, masses, table) for masses, table in used]
    return content


def _box(response: Response, masses: tuple[float, float, float], table: FloatArray) -> BoolArray:
    return response.in_box(table[:, 1], table[:, 2], masses=masses, widths=2.5)


def _box_correction(response: Response, masses: tuple[float, float, float], table: FloatArray) -> float:
    """Return simulated over factorised efficiency of a box of 2.5 widths and a window of ±6 %."""
    low, high = 0.94 * masses[0], 1.06 * masses[0]
    simulated = float((_box(response, masses, table) & (table[:, 0] > low) & (table[:, 0] < high)).mean())
    return simulated / response.box_efficiency(masses, low=low, high=high, widths=2.5)


def _fit_shape(ratio: FloatArray) -> tuple[list[float], float]:
    """Unbinned fit of the Crystal Ball to reconstructed over true mass, within the fitted range."""
    low, high = FITTED_RANGE
    inside = ratio[(ratio > low) & (ratio < high)]
    median = float(np.median(inside))
    spread = float(np.diff(np.quantile(inside, [0.25, 0.75]))[0]) / 1.35

    def keywords(theta: FloatArray) -> dict[str, float]:
        mode, log_width, log_low, log_high = theta.tolist()
        return {
            "mode": mode,
            "width": math.exp(log_width),
            "alpha_low": math.exp(log_low),
            "n_low": TAIL_POWER,
            "alpha_high": math.exp(log_high),
            "n_high": TAIL_POWER,
        }

    def objective(theta: FloatArray) -> float:
        shape = keywords(theta)
        area = crystal_ball_cdf(high, **shape) - crystal_ball_cdf(low, **shape)
        density = np.maximum(crystal_ball_pdf(inside, **shape), 1e-12)
        return float(len(inside) * math.log(area) - np.sum(np.log(density)))

    start = np.array([median, math.log(0.6 * spread), 0.0, 0.0])
    bounds = [(0.8, 1.3), (-6.0, -1.0), (-1.0, 1.2), (-1.0, 1.2)]
    shape = keywords(minimize(objective, start, method="L-BFGS-B", bounds=bounds).x)
    area = crystal_ball_cdf(high, **shape) - crystal_ball_cdf(low, **shape)
    return list(shape.values()), min(len(inside) / len(ratio) / area, 1.0)
