"""What is taken off a number of signal events that was counted where most of them are."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.masses.choice import without_choice
from bumphunt.masses.constants import PRIOR_CHOICES
from bumphunt.results import Interval, MassFit


def fit(number: Interval) -> MassFit:
    one = Interval(value=100.0, low=90.0, high=110.0)
    return MassFit(
        m_resonance=one,
        m_x=one,
        m_y=one,
        n_selected=Interval(value=0.4 * number.value, low=0.0, high=99.0),
        n_signal=number,
        efficiency=0.4,
        efficiency_error=0.04,
        statistical=np.ones(3),
        correlation=np.eye(4),
        projections=(),
        n_events=1000,
        p_value=0.5,
    )


STRONG = Interval(value=200.0, low=150.0, high=260.0, stat_low=180.0, stat_high=222.0)


def test_the_square_is_lower_by_one_squared_error_a_choice() -> None:
    found = without_choice(fit(STRONG), 4)
    value = float(np.sqrt(200.0**2 - 4 * 20.0**2))
    assert found.n_signal.value == pytest.approx(value)
    assert found.choice == pytest.approx(1.0 - value / 200.0)
    assert found.n_selected.value / found.efficiency == pytest.approx(value)
    assert found.efficiency_error / found.efficiency == pytest.approx(0.1)


def test_the_statistical_part_moves_and_the_rest_grows_by_half_of_what_went() -> None:
    found, moved = without_choice(fit(STRONG), 4).n_signal, 200.0 - np.sqrt(200.0**2 - 4 * 20.0**2)
    assert found.stat_low == pytest.approx(180.0 - moved)
    assert found.stat_high == pytest.approx(222.0 - moved)
    assert found.value - found.low == pytest.approx(np.hypot(50.0, 0.5 * moved))
    assert found.high - found.value == pytest.approx(np.hypot(60.0, 0.5 * moved))


def test_at_most_half_of_a_number_goes_and_none_is_negative() -> None:
    weak = Interval(value=30.0, low=1.0, high=70.0, stat_low=4.0, stat_high=60.0)
    found = without_choice(fit(weak), 4).n_signal
    assert found.value == pytest.approx(15.0)
    assert found.low == 0.0
    assert found.stat_low == 0.0


def test_an_interval_without_parts_stays_one() -> None:
    found = without_choice(fit(Interval(value=100.0, low=80.0, high=120.0)), 4).n_signal
    assert found.value == pytest.approx(np.sqrt(100.0**2 - 4 * 20.0**2))
    assert found.stat_low is None


@pytest.mark.parametrize("choices", [0, 4])
def test_without_a_choice_or_a_number_nothing_changes(choices: int) -> None:
    nothing = fit(Interval(value=0.0, low=0.0, high=9.0))
    assert without_choice(nothing, choices) is nothing
    strong = fit(STRONG)
    assert (without_choice(strong, choices) is strong) == (choices == 0)


@pytest.mark.parametrize("strength", [4.0, 6.0, 10.0])
def test_the_largest_of_many_directions_has_no_bias_left(strength: float) -> None:
    # an amplitude and four numbers chosen with it: the length of a vector in five dimensions about the true one
    rng = np.random.default_rng(1)
    direction = np.eye(1 + PRIOR_CHOICES)[0]
    seen = np.linalg.norm(rng.standard_normal((20_000, len(direction))) + strength * direction, axis=1)
    blank = fit(STRONG)
    left = [
        without_choice(replace(blank, n_signal=Interval(value=one, low=one - 1.0, high=one + 1.0)), PRIOR_CHOICES)
        for one in seen[:2000].tolist()
    ]
    corrected = np.mean([each.n_signal.value for each in left])
    assert seen.mean() / strength - 1.0 > 1.5 / strength**2
    assert corrected / strength == pytest.approx(1.0, abs=0.02 + 0.4 / strength**2)
