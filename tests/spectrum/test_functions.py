"""Background families against their formulas, and the shape of a signal."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from bumphunt.errors import InputError
from bumphunt.spectrum.families.registry import FAMILIES, check_family, family_names, parametric_family
from bumphunt.spectrum.functions import SQRT_S, design_matrix, gaussian_fractions

EDGES = np.linspace(2_000.0, 6_000.0, 21)

FORMULAS = {
    "dijet3": lambda x, p: p[0] * (1 - x) ** p[1] / x ** p[2],
    "dijet4": lambda x, p: p[0] * (1 - x) ** p[1] / x ** (p[2] + p[3] * np.log(x)),
    "dijet5": lambda x, p: p[0] * (1 - x) ** p[1] / x ** (p[2] + p[3] * np.log(x) + p[4] * np.log(x) ** 2),
    "powexp": lambda x, p: p[0] * np.exp(-p[2] * x) / x ** p[1],
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("sqrt_s", [SQRT_S, 14_000.0])
def test_a_family_is_its_formula(name, sqrt_s):
    p = np.array([3.0, 9.0, 4.0, 0.5, 0.1])[: FAMILIES[name].n_parameters]
    centres = 0.5 * (EDGES[1:] + EDGES[:-1])
    theta = np.concatenate([[np.log(p[0])], p[1:]])
    found = np.exp(design_matrix(EDGES, parametric_family(name), sqrt_s=sqrt_s) @ theta)
    np.testing.assert_allclose(found, FORMULAS[name](centres / sqrt_s, p), rtol=1e-12)


def test_dijet_families_are_nested():
    largest = design_matrix(EDGES, parametric_family("dijet5"), sqrt_s=SQRT_S)
    for name, columns in (("dijet3", 3), ("dijet4", 4)):
        np.testing.assert_array_equal(
            design_matrix(EDGES, parametric_family(name), sqrt_s=SQRT_S), largest[:, :columns]
        )


def test_an_unknown_family():
    for refuse in (parametric_family, check_family):
        with pytest.raises(InputError, match=r"unknown background family 'dijet33', did you mean 'dijet3'\? There"):
            refuse("dijet33")
    with pytest.raises(InputError, match=", ".join((*FAMILIES, "gp", "envelope", "auto"))):
        check_family("spline")
    with pytest.raises(InputError, match="unknown background family"):
        parametric_family("auto")
    for name in (*family_names(), "gp(0.45,10)"):
        assert check_family(name) == name


@pytest.mark.parametrize(
    "edges",
    [
        [3000.0],
        [3000.0, 3000.0, 3100.0],
        [3100.0, 3000.0],
        [0.0, 100.0],
        [-5.0, 5.0],
        [12_000.0, 13_000.0],
        [[1.0, 2.0]],
        [1.0, np.nan],
    ],
)
def test_edges_that_are_none(edges):
    with pytest.raises(InputError, match="GeV"):
        design_matrix(np.array(edges), parametric_family("dijet3"), sqrt_s=SQRT_S)


def test_gaussian_fractions_are_integrals():
    found = gaussian_fractions(EDGES, mass=3_310.0, width=90.0)
    pdf = stats.norm(3_310.0, 90.0).pdf
    expected = [integrate.quad(pdf, a, b, epsabs=1e-14)[0] for a, b in pairwise(EDGES)]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
