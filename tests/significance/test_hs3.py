"""Workspaces for others: HS3 read by an independent program, and names under which pyhf joins two runs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.hs3 import BinnedWorkspace, to_hs3
from bumphunt.significance.patchset import resonance_patchset
from bumphunt.significance.workspace import build_workspace, labelled, resonance_signal
from bumphunt.spectrum.fit import fit_spectrum

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")


@pytest.fixture(scope="module")
def fit(edges, smooth):
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[7:13] = True
    return fit_spectrum(smooth(2e4).round(), edges, family="dijet3", masked=masked)


def workspace_of(fit, edges, *, channel="mjj_selected", label="0123abcd"):
    signal = resonance_signal(edges, mass=4_000.0, width=0.033)
    return labelled(build_workspace(fit, signal, channel=channel, efficiency_error=0.1), label)


def test_an_independent_reader_finds_the_likelihood_of_pyhf(pyhf, pyhs3, edges, fit):
    from pytensor import function
    from pytensor.graph.traversal import explicit_graph_inputs

    inside = np.flatnonzero(fit.window)
    parts = {
        name: BinnedWorkspace(workspace=workspace_of(fit, edges, channel=name), edges=edges[inside[0] : inside[-1] + 2])
        for name in ("mjj_selected", "mjj_inclusive")
    }
    document = json.loads(json.dumps(to_hs3(parts, variable="mjj", description="two", version="0")))
    read = pyhs3.Workspace(**document)
    assert len(read.analyses) == 2
    workspace = pyhf.Workspace(parts["mjj_selected"].workspace)
    model = workspace.model()
    log_prob = read.model("analysis_mjj_selected_0123abcd", progress=False, mode="FAST_COMPILE").log_prob
    inputs = [node for node in explicit_graph_inputs([log_prob]) if node.name]
    assert {node.name for node in inputs} == set(model.config.par_names)
    theirs = function(inputs, log_prob, mode="FAST_COMPILE")
    rng = np.random.default_rng(3)
    for _ in range(5):
        point = dict(zip(model.config.par_names, 1.5 * rng.standard_normal(model.config.npars), strict=True))
        point["mu"] = abs(point["mu"])
        ours = model.logpdf(list(point.values()), workspace.data(model))[0]
        assert float(np.squeeze(theirs(*[point[node.name] for node in inputs]))) == pytest.approx(ours, rel=1e-9)


def test_what_hs3_cannot_hold_is_refused(edges, fit):
    workspace = workspace_of(fit, edges)
    with pytest.raises(InputError, match="6 bins, but 3 edges"):
        to_hs3({"one": BinnedWorkspace(workspace=workspace, edges=edges[:3])}, variable="m", description="", version="")
    workspace["channels"][0]["samples"][0]["modifiers"].append({"name": "odd", "type": "shapefactor", "data": None})
    with pytest.raises(InputError, match="shapefactor"):
        to_hs3({"one": BinnedWorkspace(workspace=workspace, edges=edges[:7])}, variable="m", description="", version="")


def combine(folder, left, right):
    """Run ``pyhf combine`` as anybody would, and return its status and what it said."""
    paths = [folder / "left.json", folder / "right.json"]
    for path, workspace in zip(paths, (left, right), strict=True):
        path.write_text(json.dumps(workspace))
    program = Path(sys.executable).with_name("pyhf")
    command = [program, "combine", *paths, "--output-file", folder / "joined.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_pyhf_joins_the_workspaces_of_two_runs_and_shares_the_signal_alone(pyhf, edges, smooth, fit, tmp_path):
    other = fit_spectrum(smooth(3e4).round(), edges, family="dijet3", masked=fit.masked)
    left, right = workspace_of(fit, edges), workspace_of(other, edges, label="4567cdef")
    bounds = [each["measurements"][0]["config"]["parameters"][0]["bounds"] for each in (left, right)]
    assert bounds[0] != bounds[1]
    status, said = combine(tmp_path, left, right)
    assert status == 0, said
    joined = pyhf.Workspace(json.loads((tmp_path / "joined.json").read_text()))
    model = joined.model()
    single = [pyhf.Workspace(each).model().config for each in (left, right)]
    assert set(single[0].par_names) & set(single[1].par_names) == {"mu", "signal_efficiency"}
    assert set(model.config.par_names) == set(single[0].par_names) | set(single[1].par_names)
    rng = np.random.default_rng(2)
    point = {name: 0.5 * rng.standard_normal() for name in model.config.par_names} | {"mu": 0.7}

    def log_density(opened):
        own = opened.model()
        return own.logpdf([point[name] for name in own.config.par_names], opened.data(own))[0]

    shared = -0.5 * (point["signal_efficiency"] ** 2 + np.log(2.0 * np.pi))
    apart = sum(log_density(pyhf.Workspace(each)) for each in (left, right))
    assert log_density(joined) == pytest.approx(apart - shared, abs=1e-8)


def test_pyhf_refuses_to_count_the_same_events_twice(edges, fit, tmp_path):
    selected, inclusive = workspace_of(fit, edges), workspace_of(fit, edges, channel="mjj_inclusive")
    status, said = combine(tmp_path, selected, inclusive)
    assert status != 0
    assert "measurements in common" in said


def test_the_background_of_a_patch_set_has_the_names_of_its_events(pyhf, fit):
    background, patches = resonance_patchset(
        fit, masses=[3_900.0, 4_100.0], width=0.033, channel="mjj_selected", label="0123abcd"
    )
    assert background["channels"][0]["name"] == "mjj_selected_0123abcd"
    patchset = pyhf.PatchSet(patches)
    patched = pyhf.Workspace(patchset.apply(pyhf.Workspace(background), "resonance_3900"))
    patchset.verify(pyhf.Workspace(background))
    names = patched.model().config.par_names
    assert "mu" in names
    assert all(name == "mu" or name.startswith("mjj_selected_0123abcd_") for name in names)


def test_a_parameter_has_the_range_and_the_start_that_the_workspace_says():
    modifiers = [
        {"name": "mu", "type": "normfactor", "data": None},
        {"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
    ]
    workspace = {
        "channels": [{"name": "one", "samples": [{"name": "signal", "data": [2.0, 3.0], "modifiers": modifiers}]}],
        "observations": [{"name": "one", "data": [4, 5]}],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0, 30]], "inits": [1.5]}]}}
        ],
    }
    part = BinnedWorkspace(workspace=workspace, edges=np.array([1.0, 2.0, 4.0]))
    document = to_hs3({"one": part}, variable="mass", description="", version="0")
    assert document["domains"][0]["axes"] == [
        {"name": "mu", "min": 0, "max": 30},
        {"name": "size", "min": -5.0, "max": 5.0},
    ]
    assert document["parameter_points"][0]["parameters"] == [
        {"name": "mu", "value": 1.5},
        {"name": "size", "value": 0.0},
    ]
    assert document["data"][0]["axes"] == [{"name": "mass_one", "edges": [1.0, 2.0, 4.0]}]
