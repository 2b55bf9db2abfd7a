"""Signal drawn from the shipped samples, on background like that of a selection."""

from collections.abc import Callable

import numpy as np
import pytest

from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.response import signal_model
from bumphunt.masses.signal_table import SignalTable, load_signal


def draw(
    table: SignalTable, masses: tuple[float, float, float], number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mjj and the heavier and the lighter jet mass of signal events (GeV)."""
    # the draws are spread more evenly than chance would, for integrals: toys take a random part of many
    draws = draw_signal(signal_model(table, masses), 20 * number, rng=rng)
    chosen = rng.permutation(20 * number)[:number]
    events = np.stack([masses[0] * np.exp(draws.log_resonance), *draws.jet_masses(masses)])
    return tuple(events[:, chosen])


def draw_background(
    number: int, rng: np.random.Generator, low: float, high: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mjj and ordered jet masses that grow with the root of mjj (GeV)."""
    mjj = (low**-7 + rng.random(number) * (high**-7 - low**-7)) ** (-1 / 7)
    mj1 = 300 * (mjj / 4000) ** 0.5 * np.exp(rng.normal(0, 0.4, number))
    return mjj, mj1, mj1 * rng.beta(2.5, 2.5, number)


@pytest.fixture(scope="session")
def table() -> SignalTable:
    return load_signal()


@pytest.fixture(scope="session")
def varied() -> SignalTable:
    return load_signal(varied=True)


@pytest.fixture(scope="session")
def signal(table) -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return lambda masses, number, rng: draw(table, masses, number, rng)


@pytest.fixture(scope="session")
def background() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return draw_background
