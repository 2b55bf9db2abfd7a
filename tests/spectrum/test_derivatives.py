"""Gradients and curvatures of the fits against differences of the likelihood that they climb."""

from collections.abc import Callable

import numpy as np
import pytest

from bumphunt.spectrum import batched, signal_fit
from bumphunt.spectrum.batched import fit_many, newton_step
from bumphunt.spectrum.design import Design, make_design
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.goodness import poisson_deviance

EDGES = np.geomspace(3_000.0, 5_000.0, 13)
WINDOW = (np.arange(12) >= 5) & (np.arange(12) < 8)
SIGNAL = gaussian_fractions(EDGES, mass=4_000.0, width=150.0)


def designs() -> dict[str, Design]:
    return {
        "whole": make_design(EDGES, family="dijet3", sqrt_s=13_000.0),
        "masked": make_design(EDGES, family="dijet3", masked=WINDOW, sqrt_s=13_000.0),
        "merged": make_design(EDGES, family="dijet3", merged=WINDOW, sqrt_s=13_000.0),
        "process": make_design(EDGES, family="gp(0.3,10)", sqrt_s=13_000.0),
    }


def spectra(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Return two spectra, and coefficients that describe neither of them well."""
    counts = np.stack([900.0 * (EDGES[:-1] / 3_000.0) ** -7.0, 300.0 * (EDGES[:-1] / 3_000.0) ** -5.0]).round()
    theta = fit_many(counts, design).coefficients
    return counts * np.linspace(0.8, 1.3, 12), theta + 0.01 * np.arange(theta.shape[1])


def differences(goal: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first and second derivatives of minus half of ``goal`` (rows,) at ``at`` (rows, parameters)."""
    number = at.shape[1]
    steps = 1e-3 * np.eye(number)
    first = np.stack([goal(at - step) - goal(at + step) for step in steps], axis=1) / 4e-3
    second = np.empty((len(at), number, number))
    for i, one in enumerate(steps):
        for j, two in enumerate(steps):
            square = goal(at + one + two) - goal(at + one - two) - goal(at - one + two) + goal(at - one - two)
            second[:, i, j] = square / 8e-6
    return first, second


@pytest.mark.parametrize("name", ["whole", "masked", "merged", "process"])
def test_the_background_climbs_its_likelihood(name):
    design = designs()[name]
    counts, theta = spectra(design)

    def goal(at):
        return batched._evaluate(at, counts, design)[1]

    expected = batched._evaluate(theta, counts, design)[0]
    gradient, fisher = batched.derivatives(theta, expected, counts, design)
    slope, _ = differences(goal, theta)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-3)
    # the Fisher matrix is the curvature where the counts are what is expected
    as_expected, counts = batched.derivatives(theta, expected, expected, design)[1], expected
    np.testing.assert_allclose(as_expected, differences(goal, theta)[1], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(fisher, as_expected)


@pytest.mark.parametrize("name", ["whole", "masked", "process"])
def test_background_and_signal_climb_theirs(name):
    design = designs()[name]
    counts, theta = spectra(design)
    shapes, strength = (SIGNAL * design.single)[None, :], np.array([30.0, 10.0])

    def goal(at):
        return signal_fit._evaluate(at[:, :-1], at[:, -1], counts, shapes, design)[1]

    at = np.column_stack([theta, strength])
    background = signal_fit._evaluate(theta, strength, counts, shapes, design)[0]
    place = (theta, strength, background, counts, shapes, design)
    gradient, fisher = signal_fit._derivatives(*place)
    slope, curvature = differences(goal, at)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-3)
    observed = fisher + signal_fit._residual_curvature(*place)
    np.testing.assert_allclose(observed, curvature, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", ["whole", "masked", "merged"])
def test_what_is_climbed_is_the_deviance(name):
    design = designs()[name]
    counts, theta = spectra(design)
    steps = [theta, theta + 0.05]
    expected, goals = zip(*(batched._evaluate(each, counts, design) for each in steps), strict=True)
    deviances = [batched.deviance(each, counts, design) for each in expected]
    np.testing.assert_allclose(deviances[1] - deviances[0], goals[1] - goals[0], rtol=1e-9)
    by_hand = poisson_deviance(counts[:, design.single], expected[0][:, design.single])
    if name == "merged":
        seen, mean = (each[:, WINDOW].sum(axis=1, keepdims=True) for each in (counts, expected[0]))
        by_hand = by_hand + poisson_deviance(seen, mean)
    np.testing.assert_allclose(deviances[0], by_hand)


def test_a_step_depends_on_no_unit_and_what_nothing_measures_stands_still():
    small = newton_step(np.array([[[4e-20, 1e-20], [1e-20, 1e-20]]]), np.array([[6e-20, 3e-20]]))
    np.testing.assert_allclose(small, [[1.0, 2.0]])
    single = newton_step(np.array([[[4.0, 0.0], [0.0, 0.0]]]), np.array([[8.0, 0.0]]))
    np.testing.assert_allclose(single, [[2.0, 0.0]])


def test_a_prior_holds_parameters_back():
    design = designs()["process"]
    counts, theta = spectra(design)
    expected = batched._evaluate(theta, counts, design)[0]
    free = np.linalg.inv(batched.derivatives(theta, expected, counts, design)[1][0])
    used = batched.effective_parameters(theta[0], expected[0], counts[0], design)
    assert used == pytest.approx(len(free) - free.diagonal()[3:].sum())
    assert 3.0 < used < len(free)
    whole = designs()["whole"]
    assert batched.effective_parameters(theta[0, :3], expected[0], counts[0], whole) == 3.0


def test_many_spectra_are_fitted_as_each_alone():
    design = designs()["merged"]
    counts = np.random.default_rng(1).poisson(spectra(design)[0][0], (12, 12)).astype(float)
    together = fit_many(counts, design)
    assert together.converged.all()
    for row, alone in enumerate(fit_many(each[None], design) for each in counts):
        np.testing.assert_allclose(alone.expected[0], together.expected[row], rtol=1e-6)
        np.testing.assert_allclose(alone.covariance[0], together.covariance[row], rtol=1e-5)
