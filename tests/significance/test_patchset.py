"""One background and a patch a mass, as pyhf applies them; efficiency errors and wide families in workspaces."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.patchset import build_patchset, resonance_patchset
from bumphunt.significance.workspace import build_workspace, discovery_p_value, resonance_signal, upper_limit
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.signal_shapes import crystal_ball_fractions


@pytest.fixture
def fit(edges, smooth):
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[7:13] = True
    return fit_spectrum(smooth(2e4).round(), edges, family="dijet3", masked=masked)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_patched_background_is_the_workspace_of_that_mass(pyhf, edges, fit):
    built = {
        mass: build_workspace(fit, resonance_signal(edges, mass=mass, width=0.033), channel="mjj", efficiency_error=0.1)
        for mass in (3_900.0, 4_100.0)
    }
    background, patches = build_patchset(built[3_900.0], built, description="narrow resonances")
    patchset = pyhf.PatchSet(patches)
    workspace = pyhf.Workspace(background)
    patchset.verify(workspace)
    for mass, expected in built.items():
        patched = patchset.apply(workspace, f"resonance_{mass:.0f}")
        assert patched["channels"] == expected["channels"]
        names = pyhf.Workspace(patched).model().config.par_names
        assert {"mu", "signal_efficiency"} <= set(names)
    assert patchset[(3_900.0,)].name == "resonance_3900"


def test_masses_in_one_window(edges, fit):
    background, patches = resonance_patchset(fit, masses=[3_900.0, 4_100.0], width=0.033, channel="mjj")
    assert [patch["metadata"]["values"] for patch in patches["patches"]] == [[3_900.0], [4_100.0]]
    assert [sample["name"] for sample in background["channels"][0]["samples"]] == ["background"]
    with pytest.raises(InputError, match="outside the window"):
        resonance_patchset(fit, masses=[6_000.0], width=0.033, channel="mjj")


def test_signals_on_another_background_are_refused(edges, smooth, fit):
    signal = resonance_signal(edges, mass=4_000.0, width=0.033)
    first = build_workspace(fit, signal, channel="mjj")
    other = build_workspace(fit_spectrum(smooth(1e4), edges, family="dijet3", masked=fit.masked), signal, channel="mjj")
    with pytest.raises(InputError, match="another background"):
        build_patchset(first, {4_000.0: other}, description="")
    with pytest.raises(InputError, match="at least one mass"):
        build_patchset(first, {}, description="")


def test_an_uncertain_efficiency_weakens_the_limit_and_not_the_discovery(edges, fit):
    signal = crystal_ball_fractions(edges, mass=4_000.0, width=132.0)
    sure, unsure = (build_workspace(fit, signal, channel="mjj", efficiency_error=error) for error in (0.0, 0.3))
    limits = [upper_limit(workspace, mass=4_000.0, width=0.033).n_signal_95 for workspace in (sure, unsure)]
    assert limits[1] > 1.03 * limits[0]
    assert discovery_p_value(unsure)[0] == pytest.approx(discovery_p_value(sure)[0], abs=0.01)
    with pytest.raises(InputError, match="efficiency"):
        build_workspace(fit, signal, channel="mjj", efficiency_error=1.5)


@pytest.mark.parametrize("family", ["gp", "envelope"])
def test_every_family_makes_a_workspace(edges, smooth, fit, family):
    wide = fit_spectrum(smooth(2e4).round(), edges, family=family, masked=fit.masked)
    workspace = build_workspace(wide, resonance_signal(edges, mass=4_000.0, width=0.033), channel="mjj")
    modifiers = workspace["channels"][0]["samples"][1]["modifiers"]
    background = np.array(workspace["channels"][0]["samples"][1]["data"])
    shifts = [np.array(part["data"]["hi_data"]) - background for part in modifiers]
    assert np.sqrt(sum(shift.sum() ** 2 for shift in shifts)) == pytest.approx(wide.window_error, rel=0.05)
