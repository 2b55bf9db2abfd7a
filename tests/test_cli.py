"""The command line: what a user types, what comes back, and what is left behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import AnalysisConfig, load_config
from bumphunt.errors import InputError
from bumphunt.results import AnalysisResult

ROOT = Path(__file__).resolve().parents[1]
WINDOW = (3250.0, 3750.0)
LIGHT = {
    "searches": ["cwola"],
    "search": {"windows": [list(WINDOW)], "cut_fractions": [0.1, 0.05]},
    "cwola": {"repeats": 1, "members": 1, "max_iter": 25, "learning_rate": 0.1, "folds": 3},
    "vae": {"enabled": False, "hidden": [8], "epochs": 2, "batch_size": 500},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}
VERBS = sorted(main.commands)
SAME_MEANING = ("output", "seed", "workers", "config", "json", "window", "scheduler")


def call(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def program(*arguments, cwd=None):
    """Run ``python -m bumphunt`` as a user does."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, "-m", "bumphunt", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        cwd=cwd,
        timeout=120,
        check=False,
    )


def refused(done, *words):
    """Check that a command ended as the user's mistake: status 2, one line that says what it should."""
    code = done.exit_code if hasattr(done, "exit_code") else done.returncode
    assert code == 2, (code, done.stdout, done.stderr, getattr(done, "exception", None))
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("bumphunt: ")
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in lines[0], lines[0]


def done_well(done):
    """Check that a command succeeded and return what it printed."""
    assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    return done.stdout


pytestmark = pytest.mark.usefixtures("one_decay")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def box(folder, make_events):
    """A small box with a resonance at (3500, 500, 100) GeV."""
    path = folder / "box.parquet"
    make_events(20_000, signal=250, label=False).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def light(folder):
    """A config that takes a second."""
    path = folder / "light.yaml"
    path.write_text(yaml.safe_dump(LIGHT), "utf-8")
    return path


@pytest.fixture(scope="module")
def finished(folder, box, light):
    """The folder of a finished run, and what the command printed; its report is drawn later, by its own verb."""
    output = folder / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
        done = call("run", box, "--output", output, "--config", light, "--seed", 3, "--json")
    return output, done


@pytest.fixture(scope="module")
def raw(folder):
    """A small file in the raw layout of the LHC Olympics, as large as its damage needs."""
    from bumphunt.sources.lhco import RawChunk, write_raw

    rng = np.random.default_rng(8)
    particles = np.zeros((30, 700, 3))
    particles[:, :60, 0] = rng.exponential(40.0, (30, 60))
    particles[:, :60, 1] = rng.normal(0.0, 0.3, (30, 60))
    particles[:, :60, 2] = rng.normal(0.0, 0.3, (30, 60)) + np.repeat([-1.5, 1.6], 30)
    return write_raw(folder / "raw.h5", [RawChunk(particles=particles, label=np.arange(30) % 2)])


# ---------------------------------------------------------------- help and options


def test_the_verbs_are_those_promised():
    assert {"run", "config", "simulate", "features", "fetch", "score", "scan", "masses", "generate", "report"} <= set(
        VERBS
    )


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_every_verb_explains_itself(verb):
    text = done_well(call(*([verb] if verb else []), "--help"))
    assert text.startswith("Usage: ")
    assert "--help" in text
    described = [line for line in text.splitlines()[1:] if line.strip()]
    assert len(described[0].split()) >= 4, "a sentence, not a name"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_described(verb):
    for option in main.commands[verb].params:
        if isinstance(option, click.Option) and option.name not in ("help", "masses", "scheduler"):
            assert option.help, f"{verb} {option.opts}"


def test_options_of_the_same_meaning_have_the_same_name_and_type():
    seen = {}
    for verb in VERBS:
        for option in main.commands[verb].params:
            if not isinstance(option, click.Option):
                continue
            for name in option.opts:
                seen.setdefault(name.lstrip("-"), []).append((verb, option.nargs, str(option.type), option.is_flag))
    for name in SAME_MEANING:
        kinds = {kind[1:] for kind in seen[name]}
        assert len(kinds) == 1, f"--{name}: {seen[name]}"
    synonyms = (
        "out o outdir output-dir random-seed jobs n-jobs processes n-workers cores configuration conf as-json format "
        "region signal-region range dask cluster"
    )
    assert not set(synonyms.split()) & set(seen)


@pytest.mark.parametrize(
    ("option", "verbs"),
    [
        ("--output", {"run", "simulate", "features", "score", "generate"}),
        ("--seed", {"run", "simulate", "score", "scan", "masses", "generate"}),
        ("--config", {"run", "score", "masses", "generate"}),
        ("--workers", {"run", "simulate", "generate"}),
        ("--scheduler", {"run", "simulate"}),
        ("--window", {"score", "scan", "masses"}),
        ("--json", {"run", "scan", "masses"}),
    ],
)
def test_the_option_is_where_it_is_promised(option, verbs):
    have = {verb for verb in VERBS if any(option in parameter.opts for parameter in main.commands[verb].params)}
    assert verbs <= have


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="CPU seconds of a child are known on Unix only")
@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_is_quick(arguments):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    seconds = []
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-m", "bumphunt", *arguments],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        seconds.append(usage.ru_utime + usage.ru_stime)
        if seconds[-1] < 0.5:
            break
    assert min(seconds) < 0.5, seconds


def test_version():
    from bumphunt import __version__

    assert __version__ in done_well(call("--version"))


def test_the_printed_config_loads_back(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(done_well(call("config")), "utf-8")
    assert load_config(path) == AnalysisConfig()


# ---------------------------------------------------------------- the user's mistakes


def bad_column(make_events, tmp_path, change):
    table = make_events(300, label=False)
    path = tmp_path / "bad.parquet"
    change(table).to_parquet(path)
    return path


def with_nan(table):
    table.loc[17:30, "mjj"] = np.nan  # more than may be dropped
    return table


def in_tev(table):
    return table.assign(mjj=table["mjj"] / 1000, mj1=table["mj1"] / 1000, mj2=table["mj2"] / 1000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_nan, ("'mjj'", "NaN", "row 17")),
        (lambda table: table.drop(columns="mjj"), ("'mjj'", "missing")),
        (in_tev, ("TeV", "GeV", "1000")),
        (lambda table: table.iloc[:0], ("no events",)),
        (lambda table: table.assign(mjj="heavy"), ("'mjj'", "not numeric")),
        (lambda table: table.assign(mjj=-table["mjj"]), ("'mjj'", "outside")),
    ],
    ids=["NaN", "no mjj", "TeV", "no rows", "text", "negative"],
)
@pytest.mark.parametrize("verb", ["run", "score", "masses", "scan"])
def test_bad_tables_are_refused(make_events, tmp_path, change, words, verb):
    path = bad_column(make_events, tmp_path, change)
    before = sorted(tmp_path.iterdir())
    output = {"run": ["--output", tmp_path / "out"], "score": ["--output", tmp_path / "out.parquet"]}.get(verb, [])
    window = ["--window", *WINDOW] if verb in ("score", "masses") else []
    refused(call(verb, path, *output, *window), path.name, *words)
    assert sorted(tmp_path.iterdir()) == before


def test_a_table_of_bad_numbers_in_csv_is_refused(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("mjj,mj1,mj2\n3000,500,100\n3100,oops,100\n", "utf-8")
    refused(call("run", path, "--output", tmp_path / "out"), "'mj1'", "not numeric")
    assert not (tmp_path / "out").exists()


def nothing_there(tmp_path, raw, box):
    return tmp_path / "nothing.parquet"


def empty_file(tmp_path, raw, box):
    path = tmp_path / "empty.parquet"
    path.touch()
    return path


def unknown_kind(tmp_path, raw, box):
    path = tmp_path / "letter.parquet"
    path.write_bytes(b"Dear reader,\x00\x01\x02 this is no table at all.\n" * 40)
    return path


def a_folder(tmp_path, raw, box):
    path = tmp_path / "events.h5"
    path.mkdir()
    return path


def cut_hdf5(tmp_path, raw, box):
    path = tmp_path / "cut.h5"
    path.write_bytes(raw.read_bytes()[: raw.stat().st_size // 2])
    return path


def cut_parquet(tmp_path, raw, box):
    path = tmp_path / "cut.parquet"
    path.write_bytes(box.read_bytes()[: box.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (nothing_there, "no such file"),
        (empty_file, "empty"),
        (unknown_kind, "neither parquet"),
        (a_folder, "holds no events files"),
        (cut_hdf5, "truncated"),
        (cut_parquet, "truncated"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, raw, box, make, word):
    path = make(tmp_path, raw, box)
    before = sorted(tmp_path.iterdir())
    refused(call("run", path, "--output", tmp_path / "out"), path.name, word)
    if make is not cut_parquet:  # that is no raw file, whole or not
        refused(call("features", path, "--output", tmp_path / "out.parquet"), path.name, word)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("searhc:\n  low: 3000\n", ("searhc",)),
        ("search:\n  lwo: 3000\n", ("search.lwo",)),
        ("search:\n  low: three\n", ("search.low", "three")),
        ("search:\n  windows: [[2100.0, 3400.0]]\n", ("sideband below",)),
        ("search:\n  windows: [[9000.0, 12000.0]]\n", ("9000-12000 GeV",)),
        ("search:\n  windows: [[3700.0, 3300.0]]\n", ("below",)),
        ("search: [\n", ("YAML",)),
        ("cwola:\n  features: [label]\n", ("label",)),
        ("cwola:\n  features: [tau99]\n", ("tau99",)),
    ],
)
def test_configs_that_cannot_be_used_are_refused(box, tmp_path, text, words):
    config = tmp_path / "config.yaml"
    config.write_text(text, "utf-8")
    refused(call("run", box, "--output", tmp_path / "out", "--config", config), *words)
    assert not (tmp_path / "out").exists()


def test_a_config_that_is_not_there_is_refused(box, tmp_path):
    refused(call("run", box, "--output", tmp_path / "out", "--config", tmp_path / "no.yaml"), "no.yaml")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused_and_kept(box, tmp_path):
    output = tmp_path / "notes"
    output.write_text("mine", "utf-8")
    refused(call("run", box, "--output", output), "notes", "is a file")
    assert output.read_text("utf-8") == "mine"


def test_an_output_with_a_foreign_folder_of_stages_is_refused_and_kept(box, light, tmp_path):
    mine = tmp_path / "out/stages/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", "utf-8")
    refused(call("run", box, "--output", tmp_path / "out", "--config", light), "not made by this program")
    assert mine.read_text("utf-8") == "mine"


def test_resuming_another_run_is_refused_and_leaves_it_alone(finished, box, light):
    output, done = finished
    done_well(done)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    refused(call("run", box, "--output", output, "--config", light, "--seed", 4, "--resume"), "another run", "--resume")
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("nothing to simulate", "--background")),
        (["--background", 0, "--signal", 0], ("both 0",)),
        (["--signal", 5], ("masses",)),
        (["--signal", 5, "--masses", 3500, 3400, 500], ("3400",)),
    ],
)
def test_simulating_nothing_or_the_impossible_is_refused(tmp_path, arguments, words):
    refused(call("simulate", "--output", tmp_path / "out.parquet", *arguments), *words)
    assert list(tmp_path.iterdir()) == []


def test_simulating_into_no_folder_is_refused(tmp_path):
    done = call("simulate", "--output", tmp_path / "no/out.parquet", "--background", 1)
    refused(done, "does not exist")


@pytest.mark.parametrize("verb", ["score", "generate", "features"])
def test_outputs_of_unknown_kind_are_refused_before_the_work(box, raw, tmp_path, verb):
    window = ["--window", *WINDOW] if verb == "score" else []
    refused(call(verb, raw if verb == "features" else box, "--output", tmp_path / "out.txt", *window), "'.txt'")
    assert list(tmp_path.iterdir()) == []


def test_events_are_no_raw_particles(box, tmp_path):
    refused(call("features", box, "--output", tmp_path / "out.parquet"), "parquet", "raw")


def test_a_report_of_nothing_is_refused(tmp_path):
    refused(call("report", tmp_path / "nowhere"), "nowhere")
    refused(call("report", tmp_path), "result.json")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_sample_is_refused():
    refused(call("fetch", "lhc-2040"), "lhc-2040")


def test_a_scheduler_that_is_not_there_is_refused(box, light, tmp_path):
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    done = call("run", box, "--output", tmp_path / "out", "--config", light, "--scheduler", "nonsense://1")
    refused(done, "nonsense", "dask scheduler")


def test_one_window_without_sidebands_is_refused(box):
    refused(call("masses", box, "--window", 2100, 3400), "sideband below")
    refused(call("masses", box, "--window", 3700, 3300), "low < high")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run"], "EVENTS"),
        (["run", "events.parquet"], "--output"),
        (["run", "events.parquet", "--output", "out", "--sead", 3], "--sead"),
        (["run", "events.parquet", "--output", "out", "--seed", "x"], "--seed"),
        (["run", "events.parquet", "--output", "out", "--workers", 0], "--workers"),
        (["score", "events.parquet", "--output", "out.csv", "--window", 3000], "--window"),
        (["simulate", "--output", "out.csv", "--preset", "everything"], "everything"),
        (["dance"], "dance"),
        (["--loud"], "--loud"),
    ],
)
def test_misused_commands_end_in_one_line_too(arguments, word):
    refused(call(*arguments), word, "--help")


@pytest.mark.parametrize("arguments", [["run", "no.parquet", "--output", "out"], ["scan", "no.json"]])
def test_mistakes_look_the_same_from_a_shell(tmp_path, arguments):
    refused(program(*arguments, cwd=tmp_path), arguments[1])
    assert list(tmp_path.iterdir()) == []


def test_a_blind_run_never_looks(box, light, tmp_path):
    printed = done_well(call("run", box, "--output", tmp_path / "out", "--config", light, "--blind"))
    assert "3 sigma (local) from" in printed
    written = json.loads((tmp_path / "out/result.json").read_text("utf-8"))
    assert written["answers"]["status"] == "blinded"
    assert not written["answers"]["discovery"]
    assert written["answers"]["p_local"] is written["answers"]["m_resonance"] is None
    assert len(written["expected"]) == 2, "at two cuts"
    refused(call("run", box, "--output", box, "--config", light, "--blind"), "is a file")


def test_calibrate_prints_rates_and_pulls(folder, make_events, light, tmp_path):
    pool = folder / "pool.parquet"
    make_events(40_000, seed=4, label=False).to_parquet(pool)
    options = ("--output", tmp_path / "out", "--null", 2, "--size", 15_000, "--config", light)
    printed = done_well(call("calibrate", pool, *options))
    assert "2 boxes without signal" in printed
    assert json.loads(done_well(call("calibrate", pool, *options, "--json")))["null"]["boxes"] == 2
    refused(call("calibrate", pool, "--output", tmp_path / "none", "--null", 0), "nothing to calibrate")
    refused(call("calibrate", pool, "--output", pool), "is a file")
    assert not (tmp_path / "none").exists()


def test_a_fault_of_the_program_exits_with_1(monkeypatch, tmp_path):
    from bumphunt.errors import FitError

    def fails(*_, **__):
        raise FitError("no\nconvergence")

    monkeypatch.setattr("bumphunt.jobs.single_stages.scan_file", fails)
    done = call("scan", tmp_path / "some.json")
    assert done.exit_code == 1
    assert done.stderr == "bumphunt: FitError: no convergence\n"


# ---------------------------------------------------------------- scan


@pytest.fixture(scope="module")
def spectrum():
    """Edges and expected counts of a smooth spectrum, and the counts with a bump of 6 sigma at 4 TeV."""
    edges = 3000.0 * 1.03 ** np.arange(26)
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000
    shape = (1 - x) ** 10 / x**5 * np.diff(edges)
    expected = 60_000 * shape / shape.sum()
    counts = np.random.default_rng(12).poisson(expected)
    bump = counts.copy()
    bump[9:11] += np.rint(4.5 * np.sqrt(expected[9:11])).astype(int)
    return edges, counts, bump


def write_counts(path, counts, edges):
    path.write_text(json.dumps({"counts": np.asarray(counts).tolist(), "edges": np.asarray(edges).tolist()}), "utf-8")
    return path


def scanned(path, *arguments):
    return json.loads(done_well(call("scan", path, "--toys", 100, "--json", *arguments)))


def test_scan_finds_an_injected_bump(spectrum, tmp_path):
    edges, _, bump = spectrum
    found = scanned(write_counts(tmp_path / "bump.json", bump, edges), "--family", "dijet3")
    for name in ("z_local", "p_local", "z_global", "p_global"):
        assert isinstance(found[name], float), name
    assert {"chi2", "ndf", "p_value"} <= found["fit"].keys()
    assert found["fit"]["family"] == "dijet3"
    window_bins = round(np.log(found["window"]["high"] / found["window"]["low"]) / np.log(1.03))
    assert found["fit"]["ndf"] == len(bump) - window_bins - 3
    assert found["z_local"] > 5
    assert 0 < found["p_local"] <= found["p_global"] < 1e-3
    assert found["window"]["low"] < edges[10] < found["window"]["high"]
    assert edges[7] <= found["window"]["low"]
    assert found["window"]["high"] <= edges[13]


def test_scan_claims_nothing_in_a_smooth_spectrum(spectrum, tmp_path):
    edges, counts, _ = spectrum
    found = scanned(write_counts(tmp_path / "smooth.json", counts, edges), "--family", "dijet3")
    assert found["z_global"] < 3
    assert found["p_global"] > found["p_local"]


def test_scan_of_one_window_has_no_trials(spectrum, tmp_path):
    edges, counts, bump = spectrum
    window = ("--family", "dijet3", "--window", edges[9] - 1, edges[11] + 1)
    found = scanned(write_counts(tmp_path / "bump.json", bump, edges), *window)
    assert found["p_global"] == found["p_local"]
    assert found["window"]["n_observed"] == bump[9:11].sum()
    quiet = scanned(write_counts(tmp_path / "smooth.json", counts, edges), *window)
    assert found["z_local"] > quiet["z_local"] + 4


def test_scan_takes_the_histograms_of_hist(spectrum, tmp_path):
    import hist
    from uhi.io import json as uhi_json

    edges, counts, bump = spectrum
    plain = scanned(write_counts(tmp_path / "bump.json", bump, edges), "--family", "dijet3")
    for name, options in (("flow", {}), ("plain", {"flow": False}), ("over", {"underflow": False})):
        histogram = hist.Hist(hist.axis.Variable(edges, name="mjj", **options), storage=hist.storage.Double())
        histogram.view()[:] = bump
        histogram.fill([100.0, 12_999.0, 12_999.0])  # flow bins, which are no part of the spectrum
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(histogram, default=uhi_json.default), "utf-8")
        assert scanned(path, "--family", "dijet3") == plain
    assert counts.sum() < bump.sum()


def test_scan_prints_for_people(spectrum, tmp_path):
    edges, _, bump = spectrum
    path = write_counts(tmp_path / "bump.json", bump, edges)
    text = done_well(call("scan", path, "--family", "dijet3", "--toys", 100))
    assert "local" in text
    assert "chi2/ndf" in text
    assert "GeV" in text


def test_scan_repeats_with_its_seed(spectrum, tmp_path):
    edges, counts, _ = spectrum
    path = write_counts(tmp_path / "smooth.json", counts, edges)
    first, again, other = (scanned(path, "--family", "dijet3", "--seed", seed) for seed in (5, 5, 6))
    assert first == again
    assert first["p_global"] != other["p_global"]
    assert first["p_local"] == other["p_local"]


def test_scan_takes_events_too(box):
    found = scanned(box, "--family", "dijet3", "--window", *WINDOW)
    assert found["window"]["low"] < 3500 < found["window"]["high"]
    assert found["z_local"] > 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda edges, counts: (edges / 1000, counts), ("TeV", "GeV")),
        (lambda edges, counts: (edges[:-1], counts), ("one more edge",)),
        (lambda edges, counts: (edges, -counts), ("negative",)),
        (lambda edges, counts: (edges[::-1], counts), ("rise",)),
        (lambda edges, counts: (edges[:4], counts[:3]), ("bins",)),
    ],
    ids=["TeV", "lengths", "negative", "falling", "short"],
)
def test_scan_refuses_what_is_no_spectrum(spectrum, tmp_path, change, words):
    edges, counts, _ = spectrum
    edges, counts = change(edges, counts)
    refused(call("scan", write_counts(tmp_path / "bad.json", counts, edges), "--toys", 100), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window", 1000, 2000], ("no bin",)),
        (["--window", 2900, 3500], ("sideband",)),
        (["--family", "dijet99"], ("dijet99",)),
    ],
)
def test_scan_refuses_what_cannot_be_looked_at(spectrum, tmp_path, arguments, words):
    edges, counts, _ = spectrum
    refused(call("scan", write_counts(tmp_path / "smooth.json", counts, edges), "--toys", 100, *arguments), *words)


def cms_dijets(data):
    """Counts and edges (GeV) of arXiv:1911.03947, Figure 5: published as pb/TeV, 137/fb."""
    table = json.loads((data / "cms_hepdata_spectra.json").read_text("utf-8"))["dijet"]
    centre, width, density = (np.array(table[key]) for key in ("x", "bin_widths_1d", "y"))
    counts = density * width / 1000.0 * 137_000.0
    edges = np.append(centre - width / 2, centre[-1] + width[-1] / 2)
    return counts, edges


def test_cms_dijets_are_converted_to_counts(shared_data):
    counts, edges = cms_dijets(shared_data)
    table = json.loads((shared_data / "cms_hepdata_spectra.json").read_text("utf-8"))["dijet"]
    relative = 0.5 * (np.array(table["y_up"]) + np.array(table["y_down"]))[:20] / np.array(table["y"])[:20]
    np.testing.assert_allclose(counts[:20], 1 / relative**2, rtol=0.01)
    np.testing.assert_allclose(edges[:3], [1530.0, 1607.0, 1687.0])
    few = counts[(counts > 0.5) & (counts < 20)]
    np.testing.assert_allclose(few, np.rint(few), rtol=0.01)


def test_cms_dijets_hold_no_new_particle(shared_data, tmp_path):
    """As CMS found: the largest excess of 137/fb of dijets is far below three standard deviations globally."""
    counts, edges = cms_dijets(shared_data)
    path = write_counts(tmp_path / "cms.json", np.rint(counts), edges)
    for family in ("dijet3", "dijet4"):
        found = scanned(path, "--family", family)
        assert found["z_global"] < 3, family
        assert found["fit"]["p_value"] > 0.01, family
        assert found["z_local"] < 3, family


# ---------------------------------------------------------------- the stages


def test_run_answers_and_writes(finished, box):
    output, done = finished
    printed = AnalysisResult.from_dict(json.loads(done_well(done)))
    written = json.loads((output / "result.json").read_text("utf-8"))
    assert printed.to_dict() == written
    assert written["seed"] == 3
    assert written["input"]["path"] == str(box)
    assert written["answers"]["status"] in ("evidence", "discovery")
    assert abs(written["answers"]["m_resonance"]["value"] - 3500) < 100
    assert "report.html" in done.stderr
    for name in ("workspace.json", "products.json", "candidates.csv", "stages"):
        assert (output / name).exists(), name
    assert not list(output.rglob("*.part*"))


def test_candidates_lie_in_the_window_most_anomalous_first(finished):
    output, done = finished
    done_well(done)
    table = pd.read_csv(output / "candidates.csv")
    assert list(table.columns[:4]) == ["score", "mjj", "mj1", "mj2"]
    assert table["score"].is_monotonic_decreasing
    scan = json.loads((output / "products.json").read_text("utf-8"))["scan"]
    best = scan["windows"][scan["best"]]
    assert len(table) == best["n_observed"]
    assert table["mjj"].between(best["low"], best["high"]).all()


def test_resume_of_the_same_run_repeats_its_answers(finished, box, light, monkeypatch, tmp_path):
    original, done = finished
    before = json.loads(done_well(done))["answers"]
    output = tmp_path / "copy"
    shutil.copytree(original, output)
    monkeypatch.setattr("bumphunt.pipeline.hunt.search_window", None)  # nothing is to be searched again
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
    again = call("run", box, "--output", output, "--config", light, "--seed", 3, "--resume", "--json")
    assert json.loads(done_well(again))["answers"] == before


def test_report_draws_a_run(finished, tmp_path):
    original, done = finished
    done_well(done)
    for name in ("result.json", "products.json"):
        shutil.copy(original / name, tmp_path / name)
    assert str(tmp_path / "report.html") in done_well(call("report", tmp_path))
    assert '<svg class="drawn"' in (tmp_path / "report.html").read_text("utf-8")
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"scan.pdf", "scan.png", "spectrum_after.pdf", "mass_fit.png"} <= drawn
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "products.json", "report.html", "figures"}


def test_score(box, light, tmp_path):
    output = tmp_path / "scores.csv"
    done_well(call("score", box, "--output", output, "--window", *WINDOW, "--config", light))
    scores = pd.read_csv(output)
    assert list(scores.columns) == ["mjj", "anomaly_score", "fold"]
    assert scores["anomaly_score"].between(0, 1).all()
    assert sorted(scores["fold"].unique()) == [0, 1, 2]


def test_masses(box, light):
    fit = json.loads(done_well(call("masses", box, "--window", *WINDOW, "--config", light, "--json")))
    for name, value, tolerance in (("m_resonance", 3500, 100), ("m_x", 500, 25), ("m_y", 100, 10)):
        assert fit[name]["low"] < fit[name]["value"] < fit[name]["high"]
        assert abs(fit[name]["value"] - value) < tolerance, name
    assert "m_resonance" in done_well(call("masses", box, "--window", *WINDOW, "--config", light))


@pytest.mark.parametrize("method", ["mixture", "distribution"])
def test_generate(box, light, tmp_path, monkeypatch, method):
    from bumphunt.generation.distributions import rank_distributions

    monkeypatch.setattr(
        "bumphunt.jobs.generation.rank_distributions",
        lambda latent, **_: rank_distributions(latent, names=("norm", "johnsonsu")),
    )
    output = tmp_path / "drawn.parquet"
    text = done_well(call("generate", box, "--output", output, "--number", 70, "--method", method, "--config", light))
    assert "largest KS distance" in text
    drawn = pd.read_parquet(output)
    assert list(drawn.columns) == ["mj1", "mj2", "tau21_1", "tau21_2"]
    assert len(drawn) == 70
    assert np.isfinite(drawn.to_numpy()).all()


def test_generate_reads_several_files_as_one(make_events, tmp_path, monkeypatch):
    table = make_events(3_000, seed=4)
    for number in range(3):
        table.iloc[number::3].to_parquet(tmp_path / f"part_{number}.parquet")
    trained = []

    def enough(table, *_, **__):
        trained.append(len(table))
        raise InputError("enough")

    monkeypatch.setattr("bumphunt.jobs.generation.train_vae", enough)
    call("generate", *sorted(tmp_path.glob("part_*")), "--output", tmp_path / "x.parquet")
    assert trained == [3_000]


def test_features(raw, tmp_path):
    output = tmp_path / "table.csv"
    assert str(output) in done_well(call("features", raw, "--output", output))
    table = pd.read_csv(output, comment="#")
    assert len(table) == 30
    assert {"mjj", "mj1", "mj2", "tau21_1", "tau32_2", "massdrop_1", "label"} <= set(table.columns)
    assert (table["mj1"] >= table["mj2"]).all()


def test_simulate(tmp_path):
    pytest.importorskip("pythia8mc", reason="the extra 'simulation' is not installed")
    output = tmp_path / "few.parquet"
    arguments = ("--background", 3, "--signal", 2, "--masses", 3500, 500, 100, "--seed", 9)
    done_well(call("simulate", "--output", output, *arguments))
    assert pd.read_parquet(output)["label"].sum() == 2
    assert [path.name for path in tmp_path.iterdir()] == ["few.parquet"]
