"""What a mass fit says that it assumes, and how far from the simulated masses it may be, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.masses.checks import assumptions, outside_grid

GRID = SimpleNamespace(
    masses=np.array([[2_000.0, 200.0, 100.0], [4_000.0, 800.0, 80.0]]),
)


def at_masses(m_resonance, m_x, m_y, **more):
    names = ("m_resonance", "m_x", "m_y")
    values = zip(names, (m_resonance, m_x, m_y), strict=True)
    return SimpleNamespace(**{name: SimpleNamespace(value=value) for name, value in values}, **more)


@pytest.mark.parametrize(
    ("masses", "outside"),
    [
        ((3_000.0, 500.0, 90.0), 0.0),
        ((8_000.0, 500.0, 90.0), np.log(2.0)),
        ((1_000.0, 150.0, 90.0), np.log(2.0)),
        ((3_000.0, 900.0, 90.0), np.log(1.5)),  # 0.3 of the resonance where 0.2 is the most
        ((3_000.0, 500.0, 40.0), np.log(2.0)),
    ],
)
def test_distance_from_the_simulated_masses(masses, outside):
    assert outside_grid(at_masses(*masses), GRID) == pytest.approx(outside)


def test_assumptions_say_fitted_resolutions_only_where_there_are():
    fit = {"hypothesis": "none", "p_value": 0.5, "hypotheses": None, "jet_scale": None, "acceptance_known": False}
    fit["yields"] = None
    bare = assumptions(at_masses(3_000.0, 500.0, 90.0, log_widths=None, **fit), table=GRID)
    assert not any("fitted: mjj" in sentence for sentence in bare)
    wide = assumptions(at_masses(3_000.0, 500.0, 90.0, log_widths=np.log([1.1, 0.8]), **fit), table=GRID)
    assert any("fitted: mjj 1.10, jet masses 0.80 times" in sentence for sentence in wide)
    assert any("from 2000 to 4000 GeV, daughters from 80 GeV to 0.200 m_resonance" in line for line in bare)
    behind = {**fit, "hypothesis": "a", "hypotheses": {"a": 0.0, "b": 0.4, "c": 1.0}}
    told = assumptions(at_masses(3_000.0, 500.0, 90.0, log_widths=None, **behind), table=GRID, varied=False)
    assert sum("With b the data are described worse by 0.4" in line and "hold" in line for line in told) == 1
    assert sum("With c" in line and "hold" not in line for line in told) == 1
    assert not any("With a" in line for line in told)
    assert any("No second detector" in line for line in told)
    untold = {**behind, "hypotheses": {"a": 0.0, "b": -2.0}, "yields": {"a": 800.0, "b": 1000.0}}
    told = assumptions(at_masses(3_000.0, 500.0, 90.0, log_widths=None, **untold), table=GRID)
    assert sum("This decay is assumed" in line for line in told) == 1
    assert any("With b they would be described better by 2.0" in line and "1000 signal events" in line for line in told)


def test_a_response_is_built_within_a_good_half_of_the_simulated_masses(table):
    resonance, daughters = table.masses[:, 0], table.masses[:, 1:]
    low, high, lightest = resonance.min(), resonance.max(), daughters.min()
    most = (daughters / resonance[:, None]).max()
    assert table.nearest((3_500.0, 500.0, 100.0)) == (3_500.0, 500.0, 100.0)
    assert table.nearest((1.0, 1.0, 1.0)) == pytest.approx((0.55 * low, 0.55 * lightest, 0.55 * lightest))
    found = table.nearest((1e6, 1e6, 100.0))
    assert found == pytest.approx((1.45 * high, 1.13 * most * 1.45 * high, 100.0))
