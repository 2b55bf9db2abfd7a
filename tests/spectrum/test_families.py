"""Background families as objects: a new one is a file and a line, and everything takes it."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.spectrum.families import registry
from bumphunt.spectrum.families.base import Family
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.minuit import minuit_fit

line = Family(
    name="exponential",
    formula="p0 exp(-p1 x)",
    latex=r"p_0 e^{-p_1 x}",
    basis=lambda x: np.stack([np.ones_like(x), -x], axis=-1),
    n_parameters=2,
    profiled=False,
)


def test_a_new_family_is_one_line_in_the_registry(monkeypatch, edges):
    monkeypatch.setitem(registry.FAMILIES, line.name, line)
    counts = np.round(1e4 * np.exp(-edges[:-1] / 800.0) * np.diff(edges) / np.diff(edges)[0])
    fit = fit_spectrum(counts, edges, family="exponential")
    assert len(fit.parameters) == 2
    assert minuit_fit(counts, edges, family="exponential").deviance == pytest.approx(fit.deviance, rel=1e-5)
    assert "exponential" in registry.family_names()
    with pytest.raises(InputError, match="did you mean 'exponential'"):
        fit_spectrum(counts, edges, family="exponental")


@pytest.mark.parametrize("name", list(registry.FAMILIES))
def test_each_says_what_it_is(name):
    family = registry.parametric_family(name)
    x = np.linspace(0.2, 0.6, 7)
    assert family.basis(x).shape == (7, family.n_parameters)
    assert family.name == name
    for number in range(family.n_parameters):
        assert f"p{number}" in family.formula
        assert f"p_{number}" in family.latex


def test_names_that_are_hostile_are_shown_short():
    with pytest.raises(InputError) as caught:
        registry.check_family("x" * 10_000)
    assert len(str(caught.value)) < 250
    with pytest.raises(InputError, match="numbers, as in gp"):
        fit_spectrum(np.ones(30), np.geomspace(3e3, 6e3, 31), family="gp(1e,--2)")


def test_the_list_of_names_loads_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, bumphunt.spectrum.families.registry as r; r.family_names();"
        "print([m for m in ('scipy', 'pandas', 'hist', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
