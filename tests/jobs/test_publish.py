"""The record of a run: valid for HEPData, readable by pyhf and by an independent reader of HS3, the same each time."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.errors import InputError
from bumphunt.jobs.hepdata import hepdata_lib
from bumphunt.jobs.publish import publish
from bumphunt.jobs.record_columns import Setting
from bumphunt.jobs.record_limits import retrained_limits
from bumphunt.results import AnalysisResult

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")

MASSES = [3_500.0, 500.0, 100.0]
LIMITS = {
    "masses": MASSES,
    "n_signal_95": 61.5,
    "expected": [30.0, 40.0, 55.0, 75.0, 100.0],
    "efficiency": [[20, 0.21, 0.05], [100, 0.43, 0.04]],
    "search": "cwola",
    "cross_section_fb_95": 12.3,
}


def copied(finished, folder):
    """Return a copy of the finished run without what is not published from."""
    shutil.copytree(finished[0], folder, ignore=shutil.ignore_patterns("stages", "models", "hepdata", "hs3.json"))
    return folder


@pytest.fixture(scope="module")
def published(finished, tmp_path_factory):
    """The folder of a run with limits and one figure, after it was published, and what was said of it."""
    from PIL import Image

    folder = copied(finished, tmp_path_factory.mktemp("published") / "run")
    (folder / "limits.json").write_text(json.dumps(LIMITS))
    (folder / "figures").mkdir(exist_ok=True)
    Image.new("RGBA", (900, 600), (200, 30, 40, 255)).save(folder / "figures" / "spectrum_after.png")
    return folder, publish(folder, title="A search", authors=["Ada Lovelace"])


@pytest.fixture(scope="module")
def tables(published):
    """The documents of the submission by name, with their data."""
    record = published[0] / "hepdata"
    documents = list(yaml.safe_load_all((record / "submission.yaml").read_text("utf-8")))
    found = {}
    for document in documents[1:]:
        data = yaml.safe_load((record / document["data_file"]).read_text("utf-8"))
        columns = data["independent_variables"] + data["dependent_variables"]
        found[document["name"]] = (document, {column["header"]["name"]: column for column in columns})
    return found


def numbers(column):
    return [row["value"] for row in column["values"]]


def test_hepdata_has_nothing_to_object(published):
    from hepdata_validator.full_submission_validator import FullSubmissionValidator

    record = published[0] / "hepdata"
    validator = FullSubmissionValidator()
    with hepdata_lib():
        assert validator.validate(directory=str(record)), validator.get_messages()
        (record / "stray.txt").write_text("")
        assert not validator.validate(directory=str(record)), "the validator looks at every file"
    (record / "stray.txt").unlink()


def test_the_tables_hold_what_the_run_found(published, tables):
    products = json.loads((published[0] / "products.json").read_text())
    for name, fit in (
        ("Spectrum before selection", products["inclusive"]),
        ("Spectrum after selection", products["scan"]["windows"][products["scan"]["best"]]["fit"]),
    ):
        columns = tables[name][1]
        mass = columns["M(JET JET)"]
        assert mass["header"]["units"] == "GeV"
        np.testing.assert_allclose([row["low"] for row in mass["values"]], fit["edges"][:-1], rtol=1e-9)
        assert numbers(columns["Observed events"]) == fit["counts"]
        np.testing.assert_allclose(numbers(columns["Background fit"]), fit["expected"], rtol=1e-5)
        errors = [row["errors"][0]["symerror"] for row in columns["Background fit"]["values"]]
        np.testing.assert_allclose(errors, fit["error"], rtol=1e-5)
        assert [value == "no" for value in numbers(columns["Used in the fit"])] == fit["masked"]
    scan = tables["Local significance"][1]
    best = products["scan"]["windows"][0]
    assert numbers(scan["Local p-value"])[0] == pytest.approx(best["p_local"], rel=1e-5)
    assert numbers(scan["Part of the events kept"]) == [0.05]
    flow = tables["Cut flow"][1]
    assert numbers(flow["Step"])[-1] == "among the 5.000% most anomalous"
    assert numbers(flow["Events"])[:2] == [12_150, 12_150]
    assert numbers(flow["Events"])[-1] == best["n_observed"]
    assert numbers(flow["Events"]) == sorted(numbers(flow["Events"]), reverse=True)


def test_every_number_has_its_qualifiers(tables):
    for document, columns in tables.values():
        assert {"name": "cmenergies", "values": ["13000"]} in document["keywords"]
        for column in columns.values():
            if "qualifiers" in column:
                given = {each["name"]: (each["value"], each.get("units")) for each in column["qualifiers"]}
                assert given["SQRT(S)"] == (13_000.0, "GeV")
                assert given["RE"] == ("P P --> JET JET X", None)
                assert given["LUMINOSITY"] == (5.0, "FB-1")


def test_limits_observed_and_expected_against_the_mass(published, tables):
    from bumphunt.significance.limits import window_limit

    before = tables["Upper limit before selection"][1]
    mass, observed = numbers(before["Mass of the resonance"]), numbers(before["Observed upper limit"])
    expected = numbers(before["Expected upper limit"])
    near = int(np.argmin(np.abs(np.array(mass) - 3_500.0)))
    assert len(mass) > 5
    assert observed[near] > 1.5 * expected[near], "a strong signal is there"
    for row in before["Expected upper limit"]["values"]:
        for error in row["errors"]:
            assert error["asymerror"]["minus"] < 0 < error["asymerror"]["plus"]
    window = json.loads((published[0] / "products.json").read_text())["scan"]["windows"][0]
    limit = window_limit(window["n_observed"], window["n_expected"], window["n_expected_error"])
    after = tables["Upper limit after selection"][1]
    assert numbers(after["Observed upper limit"]) == [pytest.approx(limit.n_signal, rel=1e-5)]
    assert numbers(after["Expected upper limit"]) == [pytest.approx(limit.expected[2], rel=1e-5)]


def test_limits_with_training_repeated_are_published_where_there_are_any(finished, tables, tmp_path):
    column = tables["Upper limit with training repeated"][1]
    assert numbers(column["Observed upper limit"]) == [61.5]
    assert numbers(column["Observed upper limit on the cross section"]) == [12.3]
    assert numbers(column["Mass of the heavier daughter"]) == [500.0]
    strength = tables["Efficiency against signal strength"][1]
    assert numbers(strength["Injected signal events"]) == [20.0, 100.0]
    assert numbers(strength["Efficiency"]) == [0.21, 0.43]
    folder = copied(finished, tmp_path / "run")
    assert "Upper limit with training repeated" not in publish(folder).tables
    (folder / "limits.json").write_text("[1, 2")
    with pytest.raises(InputError, match="bumphunt limits"):
        publish(folder)


def test_the_stored_form_of_limits_gives_the_way_that_was_chosen():
    def way(name, limit, **more):
        expected = [None] * 5 if limit is None else [limit * part for part in (0.5, 0.7, 1.0, 1.4, 1.9)]
        return {"name": name, "n_signal_95": limit, "expected": expected, **more}

    selected = [way("cut 1%", 40.0, efficiency=[[20, 0.2, 0.02], [60, 0.4, 0.03]]), way("cut 0.2%", None)]
    point = {"name": "a", "masses": MASSES, "inclusive": way("inclusive", 90.0), "selected": selected,
             "chosen": "cut 1%", "search": "cwola", "luminosity": 10.0, "acceptance": 0.5}  # fmt: skip
    without = {**point, "name": "b", "masses": None, "chosen": "inclusive", "inclusive": way("inclusive", None)}
    limits, efficiency = retrained_limits({"points": [point, without]})
    columns = {column.name: column.values for column in (*limits.independent, *limits.dependent)}
    assert columns["Observed upper limit"] == [40.0, "-"]
    assert columns["Observed upper limit on the cross section"] == [8.0, "-"]
    assert columns["Mass of the resonance"] == [3_500.0, "-"]
    assert columns["From"] == ["cut 1%", "inclusive"]
    assert efficiency.dependent[0].values == [0.2, 0.4, 0.2, 0.4]


@pytest.mark.parametrize(("of_the_run", "of_limits"), [(10.0, 10.0), (None, 10.0), (10.0, None)])
def test_one_luminosity_qualifies_every_table(finished, of_the_run, of_limits):
    result = AnalysisResult.from_dict(json.loads((finished[0] / "result.json").read_text()))
    result.config["limit"]["luminosity"] = of_the_run
    assert Setting.of(result, {"points": [{"luminosity": of_limits}]}).luminosity == 10.0
    if of_the_run and of_limits:
        with pytest.raises(InputError, match=r"the run says 10 /fb .* limits.json 5 /fb; .*--luminosity 10"):
            Setting.of(result, {"points": [{"luminosity": 5.0}]})


def test_simulated_events_are_published_as_simulation(finished):
    result = AnalysisResult.from_dict(json.loads((finished[0] / "result.json").read_text()))
    result.config["limit"]["luminosity"] = None
    assert ("LUMINOSITY", "not given", "") in Setting.of(result).qualifiers()
    result.input["simulation"] = True
    assert Setting.of(result).qualifiers()[-1] == ("DATA", "Simulation", "")


def test_figures_go_along_with_thumbnails_and_without_imagemagick(published, tables):
    from PIL import Image

    resources = {each["location"] for each in tables["Spectrum after selection"][0]["additional_resources"]}
    assert resources == {"spectrum_after.png", "thumb_spectrum_after.png"}
    with Image.open(published[0] / "hepdata" / "thumb_spectrum_after.png") as small:
        assert max(small.size) <= 240
    assert "additional_resources" not in tables["Spectrum before selection"][0]


def pyhf_says(*arguments):
    """What a command of pyhf prints, run without a process of its own."""
    from pyhf.cli import cli

    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_pyhf_reads_the_patch_set_over_masses_after_the_selection(published):
    record = published[0] / "hepdata"
    (patchset,) = record.glob("patchset_*.json")
    background = record / patchset.name.replace("patchset", "background")
    assert "All good" in pyhf_says("patchset", "verify", background, patchset)
    patches = json.loads(patchset.read_text())["patches"]
    values = [patch["metadata"]["values"][0] for patch in patches]
    assert len(values) >= 4
    assert max(np.diff(np.log(values))) < 0.5 * 0.033 * 1.01
    observed = json.loads(background.read_text())["observations"][0]["data"]
    window = json.loads((published[0] / "products.json").read_text())["scan"]["windows"][0]
    assert sum(observed) == window["n_observed"], "after the selection"


def in_pyhf(*arguments):
    return json.loads(pyhf_says(*arguments))


def excess(folder):
    window = json.loads((folder / "products.json").read_text())["scan"]["windows"][0]
    return window["n_observed"] - window["n_expected"]


def test_plain_pyhf_fits_and_limits_what_was_published(published):
    from bumphunt.significance.workspace import EVENTS_PER_MU, upper_limit

    folder = published[0]
    path = folder / "hepdata" / "workspace.json"
    [found] = in_pyhf("fit", path)["mle_parameters"]["mu"]
    assert EVENTS_PER_MU * found == pytest.approx(excess(folder), rel=0.2), "mu counts hundreds of selected events"
    limit = upper_limit(json.loads(path.read_text()), mass=3_500.0, width=0.033)
    said = in_pyhf("cls", path, "--test-poi", limit.n_signal_95 / EVENTS_PER_MU)
    assert said["CLs_obs"] == pytest.approx(0.05, abs=0.002)


def test_pyhf_applies_a_published_patch_and_reads_the_result(published, tmp_path):
    record = published[0] / "hepdata"
    (patchset,) = record.glob("patchset_*.json")
    background = record / patchset.name.replace("patchset", "background")
    name = min(
        json.loads(patchset.read_text())["patches"],
        key=lambda patch: abs(patch["metadata"]["values"][0] - 3_500.0),
    )["metadata"]["name"]
    patched = tmp_path / "patched.json"
    patched.write_text(json.dumps(in_pyhf("patchset", "apply", "--name", name, background, patchset)))
    [found] = in_pyhf("fit", patched)["mle_parameters"]["mu"]
    assert 100.0 * found == pytest.approx(excess(published[0]), rel=0.3)
    assert in_pyhf("cls", patched, "--test-poi", 2.5 * found)["CLs_obs"] < 0.01


def test_pyhf_combines_what_two_runs_published(published, tmp_path):
    paths = [published[0] / "workspace.json", tmp_path / "second.json", tmp_path / "joined.json"]
    text = paths[0].read_text()
    label = json.loads(text)["channels"][0]["name"].rsplit("_", 1)[1]
    paths[1].write_text(text.replace(label, "0123abcd"))
    paths[2].write_text(json.dumps(in_pyhf("combine", paths[0], paths[1])))
    best = [in_pyhf("fit", path)["mle_parameters"]["mu"][0] for path in (paths[0], paths[2])]
    assert best[1] == pytest.approx(best[0], rel=0.02), "the same counts twice"
    weaker, stronger = (in_pyhf("cls", path, "--test-poi", 1.2 * best[0])["CLs_obs"] for path in (paths[0], paths[2]))
    assert stronger < weaker


@pytest.mark.parametrize("name", ["workspace.json", "workspace_inclusive.json"])
def test_cabinetry_fits_what_was_published(published, name):
    cabinetry = pytest.importorskip("cabinetry", reason="cabinetry is not installed")
    workspace = cabinetry.workspace.load(published[0] / "hepdata" / name)
    found = cabinetry.fit.fit(*cabinetry.model_utils.model_and_data(workspace))
    best = dict(zip(found.labels, found.bestfit, strict=True))["mu"]
    [ours] = in_pyhf("fit", published[0] / name)["mle_parameters"]["mu"]
    assert best == pytest.approx(ours, abs=0.02)


@pytest.mark.parametrize("stem", ["selected", "inclusive"])
def test_hs3_and_pyhf_have_the_same_likelihood(published, pyhs3, stem):
    pyhf = pytest.importorskip("pyhf")
    from pytensor import function
    from pytensor.graph.traversal import explicit_graph_inputs

    name = {"selected": "workspace.json", "inclusive": "workspace_inclusive.json"}[stem]
    workspace = pyhf.Workspace(json.loads((published[0] / name).read_text()))
    model = workspace.model()
    channel = workspace.channels[0]
    assert channel.startswith(f"mjj_{stem}_")
    read = pyhs3.Workspace(**json.loads((published[0] / "hs3.json").read_text()))
    log_prob = read.model(f"analysis_{channel}", progress=False, mode="FAST_COMPILE").log_prob
    inputs = [node for node in explicit_graph_inputs([log_prob]) if node.name]
    theirs = function(inputs, log_prob, mode="FAST_COMPILE")
    for mu in (0.0, 0.8):
        point = dict.fromkeys(model.config.par_names, 0.4) | {"mu": mu}
        ours = float(model.logpdf([point[each] for each in model.config.par_names], workspace.data(model))[0])
        assert float(np.squeeze(theirs(*[point[node.name] for node in inputs]))) == pytest.approx(ours, abs=1e-6)
    mass = read.data[f"observed_{channel}"].axes[0]
    assert mass.min == pytest.approx(3_300.0, abs=60.0)


def test_written_again_it_is_the_same_byte_for_byte(published):
    record = published[0] / "hepdata"
    before = {path.name: path.read_bytes() for path in [*record.iterdir(), published[0] / "hs3.json"]}
    publish(published[0], title="A search", authors=["Ada Lovelace"])
    after = {path.name: path.read_bytes() for path in [*record.iterdir(), published[0] / "hs3.json"]}
    assert after == before
    assert not [path.name for path in published[0].iterdir() if ".part" in path.name]
    assert before["hs3.json"] == (published[0] / "hs3.json").read_bytes()


def test_the_record_says_how_to_cite_and_use_it_and_no_path_of_this_machine(published):
    record = published[0] / "hepdata"
    citation = yaml.safe_load((record / "CITATION.cff").read_text())
    assert citation["title"] == "A search"
    assert citation["authors"] == [{"name": "Ada Lovelace"}]
    text = (record / "README.md").read_text()
    for path in record.iterdir():
        if path.suffix == ".json":
            assert f"`{path.name}`" in text
    for path in record.iterdir():
        assert str(published[0]).encode() not in path.read_bytes(), path.name


def test_a_failing_record_leaves_the_one_before(published, monkeypatch):
    record = published[0] / "hepdata"
    before = sorted(path.name for path in record.iterdir())

    def fail(*args, **kwargs):
        raise InputError("no")

    monkeypatch.setattr("bumphunt.jobs.publish.write_submission", fail)
    with pytest.raises(InputError, match="no"):
        publish(published[0])
    assert sorted(path.name for path in record.iterdir()) == before
    assert not [path.name for path in published[0].iterdir() if ".part" in path.name]


def test_the_command_says_what_was_written(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    done = CliRunner().invoke(main, ["publish", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["files"] == sorted(path.name for path in (folder / "hepdata").iterdir())
    assert Path(said["hs3"]).is_file()
    assert "Cut flow" in said["tables"]
