"""The largest of many correlated significances, against brute force."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.correlated_trials import largest_p_value, shared_weights
from bumphunt.significance.p_values import sidak
from bumphunt.statistics import p_from_z


def windows(rng, number=6):
    """Correlation of overlapping windows with two nested cuts each."""
    events = np.sort(rng.random(20_000))
    loose = rng.random(len(events)) < 0.05
    tight = loose & (rng.random(len(events)) < 0.2)
    places = np.linspace(0.05, 0.75, number)
    inside = [(events > place) & (events < place + 0.2) for place in places]
    return shared_weights([(where & cut).astype(float) for where in inside for cut in (loose, tight)])


@pytest.mark.parametrize("z", [0.0, 1.0, 2.0, 3.0])
def test_brute_force_agrees(z):
    rng = np.random.default_rng(3)
    correlation = windows(rng)
    drawn = rng.multivariate_normal(np.zeros(len(correlation)), correlation, size=400_000, method="eigh").max(axis=1)
    expected = np.mean(drawn > z)
    found = largest_p_value(z, correlation, rng=rng)
    assert found == pytest.approx(expected, abs=3 * np.sqrt(expected / 400_000) + 0.015 * expected)


def test_it_lies_between_one_trial_and_independent_ones():
    correlation = windows(np.random.default_rng(4))
    for z in (-1.0, 0.5, 2.0, 4.0, 6.0, 8.0):
        found = largest_p_value(z, correlation, rng=np.random.default_rng(1))
        assert p_from_z(z) <= found <= 1.001 * sidak(p_from_z(z), len(correlation))


def test_correlation_matters_less_in_the_tail():
    correlation = windows(np.random.default_rng(4))

    def trials(z):
        return largest_p_value(z, correlation, rng=np.random.default_rng(1)) / p_from_z(z)

    assert trials(1.0) < trials(3.0) < trials(6.0) < len(correlation)


def test_the_p_values_of_correlated_trials_are_uniform():
    rng = np.random.default_rng(5)
    correlation = windows(rng)
    largest = rng.multivariate_normal(np.zeros(len(correlation)), correlation, size=2_000, method="eigh").max(axis=1)
    p_values = np.array([largest_p_value(z, correlation, rng=rng, draws=300) for z in largest])
    for level in (0.5, 0.159, 0.0228):
        expected = 2_000 * level
        assert abs((p_values < level).sum() - expected) < 3.5 * np.sqrt(expected), level


def test_a_trial_without_events_is_independent():
    first, second = np.zeros(20), np.zeros(20)
    first[:10], second[5:15] = 1.0, 1.0
    found = shared_weights([np.zeros(20), first, second])
    assert found.tolist() == [[1, 0, 0], [0, 1, 0.5], [0, 0.5, 1]]


def test_what_is_no_correlation_is_refused():
    with pytest.raises(InputError, match="ones on its diagonal"):
        largest_p_value(1.0, np.zeros((2, 2)), rng=np.random.default_rng(1))
