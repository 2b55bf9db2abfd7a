"""Signal drawn from the response itself, on background like that of a selection."""

from collections.abc import Callable

import numpy as np
import pytest

from bumphunt.masses.response import Response, load_response
from bumphunt.masses.shapes import crystal_ball_pdf


def draw(shape: dict[str, float], number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw from a Crystal Ball by inverting its density summed on a fine grid."""
    grid = np.linspace(0.01, 20.0, 200_000)  # the tails are long
    cumulative = np.cumsum(crystal_ball_pdf(grid, **shape))
    return np.interp(rng.random(number) * cumulative[-1], cumulative, grid)


def draw_signal(
    response: Response, masses: tuple[float, float, float], number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mjj and the heavier and the lighter jet mass of signal events (GeV)."""
    m_resonance, m_x, m_y = masses
    mjj = m_resonance * draw(response.resonance_shape(m_resonance, m_x), number, rng)
    jets = np.stack([m * draw(response.jet_shape(m, m_resonance), number, rng) for m in (m_x, m_y)])
    return mjj, jets.max(axis=0), jets.min(axis=0)


@pytest.fixture(scope="session")
def response() -> Response:
    return load_response()


@pytest.fixture(scope="session")
def signal() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return draw_signal
