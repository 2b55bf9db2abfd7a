"""Realistic mistakes at the command line: each ends in one line that says what is wrong, and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bumphunt
from bumphunt.cli import main
from bumphunt.errors import InputError
from bumphunt.jobs.limits import LimitOptions

RUN = ("run", "events.parquet", "--output", "out")
CONFIGURED = (*RUN, "--config", "my.yaml")
WINDOW = ("--window", "3300", "3700")
INJECTED = ("calibrate", "--null", "0", "--masses", "3500", "500", "100", "--output", "out")


def spectrum(counts: list[float], edges: list[float]) -> str:
    return json.dumps({"counts": counts, "edges": edges})


EDGES = [3000.0 * 1.03**i for i in range(21)]
COUNTS = [float(round(10_000 * 0.8**i)) for i in range(20)]

Change = Callable[[pd.DataFrame], pd.DataFrame]
TABLES: dict[str, tuple[Change, tuple[str, ...]]] = {
    # name: what was done to the table, what the line says
    "resonance under another name": (lambda t: t.rename(columns={"mjj": "m_jj"}), ("'mjj'", "did you mean 'm_jj'")),
    "jet mass under another name": (lambda t: t.rename(columns={"mj1": "mjet1"}), ("'mj1'", "did you mean 'mjet1'")),
    "capital letters": (lambda t: t.rename(columns={"mjj": "MJJ"}), ("'mjj'", "'MJJ'")),
    "no jet masses": (lambda t: t[["mjj"]], ("'mj1'", "missing")),
    "TeV": (lambda t: t.assign(mjj=t.mjj / 1e3, mj1=t.mj1 / 1e3, mj2=t.mj2 / 1e3), ("TeV", "1000")),
    "MeV": (lambda t: t.assign(mjj=t.mjj * 1e3, mj1=t.mj1 * 1e3, mj2=t.mj2 * 1e3), ("MeV",)),
    "jets in another unit": (lambda t: t.assign(mj1=t.mj1 / 1e3, mj2=t.mj2 / 1e3), ("mj1", "GeV")),
    "squared masses": (lambda t: t.assign(mjj=t.mjj**2), ("'mjj'",)),
    "many NaN": (lambda t: t.assign(mjj=t.mjj.where(t.index % 5 > 0)), ("NaN", "--max-bad-rows")),
    "negative masses": (lambda t: t.assign(mjj=-t.mjj), ("'mjj'", "outside")),
    "words": (lambda t: t.assign(mj2="light"), ("'mj2'", "not numeric")),
    "no rows": (lambda t: t.iloc[:0], ("no events",)),
    "twenty rows": (lambda t: t.iloc[:20], ("few",)),
    "event weights": (lambda t: t.assign(weight=1.0 + 0.1 * t.index % 3), ("weight",)),
    "one mass only": (lambda t: t.assign(mjj=3500.0), ("3500", "column of the resonance")),
}


def refused(arguments: tuple[str, ...], *words: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    lines = done.stderr.splitlines()
    assert done.exit_code == 2, (done.exit_code, done.stdout, done.stderr, done.exception)
    told = [line for line in lines if not line.startswith("warning: ")]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("bumphunt: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in told[0], told[0]
    return told[0]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_events: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUMPHUNT_CACHE", str(tmp_path / "cache"))
    make_events(2_000).to_parquet("events.parquet")
    return tmp_path


@pytest.mark.parametrize("name", TABLES)
def test_a_table(here: Path, make_events: Any, name: str) -> None:
    change, words = TABLES[name]
    change(make_events(2_000, label=False)).to_parquet("events.parquet")
    refused(RUN, *words)
    assert not Path("out").exists()


CONFIGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "misspelt section": ("serach: {low: 3000}", ("serach", "did you mean search")),
    "misspelt key": ("search: {lwo: 3000}", ("search.lwo", "did you mean search.low")),
    "key of another section": ("search: {repeats: 3}", ("repeats", "cwola.repeats")),
    "TeV": ("search: {low: 3}", ("search.low", "TeV")),
    "reversed window": ("search: {windows: [[3700, 3300]]}", ("3700 must be below 3300",)),
    "one window without a list": ("search: {windows: [3300, 3700]}", ("search.windows",)),
    "a window as a text": ("search: {windows: 3300-3700}", ("'windows: [[3300, 3700]]'",)),
    "percent": ("search: {cut_fractions: [1, 5]}", ("search.cut_fractions",)),
    "words for a number": ("cwola: {folds: three}", ("cwola.folds", "three")),
    "1e3 as YAML reads it": ("search: {low: 3e3}", ("search.low", "3000")),
    "yes": ("vae: {enabled: yess}", ("vae.enabled", "yess")),
    "unknown family": ("search: {family: dijett3}", ("dijett3", "did you mean 'dijet3'")),
    "unknown classifier": ("cwola: {classifier: tree}", ("cwola.classifier", "trees")),
    "unknown feature": ("features: [mj1, tau12_1]", ("tau12_1", "did you mean 'tau21_")),
    "truth as a feature": ("features: [mj1, label]", ("label", "cannot be a feature")),
    "the mass as a feature": ("features: [mjj, mj1]", ("mjj", "cannot be a feature")),
    "one fold": ("cwola: {folds: 1}", ("cwola.folds",)),
    "a call in select": ("select: mjj.max() > 1", ("select",)),
    "an unknown column in select": ("select: m_jj > 3000", ("m_jj", "did you mean 'mjj'")),
    "nothing selected": ("select: mjj < 0", ("select", "0")),
    "tabs": ("search:\n\tlow: 3000", ("YAML",)),
    "a list": ("- search", ("sections",)),
    "features in one text": ("features: mj1, mj2", ("features: [mj1, mj2]",)),
    "one daughter": ("daughters: mj1", ("daughters", "should be a pair, as in [mj1, mj2]")),
    "half a bin": ("search: {window_bins: 2.5}", ("search.window_bins", "should be a whole number")),
    "a section as a name": ("resonance: dimu_mass", ("resonance", "section")),
    "a section twice": ("search: {low: 3000}\nsearch: {high: 5000}", ("search", "twice")),
    "collision energy in TeV": ("sqrt_s: 13", ("sqrt_s", "13000")),
    "the prior alone": ("searches: [prior]", ("searches", "cwola")),
    "one equals sign in select": ("select: mj1 = 50", ("select", "'mj1 > 50")),
    "a window as wide as the range": (
        "search: {low: 3000, high: 4000, windows: [[3000, 4000]]}",
        ("3000 and 4000", "search.low"),
    ),
    "negative luminosity": ("limit: {luminosity: -139}", ("limit.luminosity", "-139")),
    "truth for the autoencoder": ("vae: {features: [label]}", ("label", "cannot be a feature")),
    "no repeats": ("cwola: {repeats: 0}", ("cwola.repeats",)),
    "a number for a switch": ("vae: {enabled: 2}", ("vae.enabled", "true or false")),
    "no features": ("features: []", ("features", "leave the key out")),
    "no response there": ("masses: {response: nothing.npz}", ("nothing.npz",)),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration(here: Path, name: str) -> None:
    text, words = CONFIGS[name]
    Path("my.yaml").write_text(text, "utf-8")
    refused(CONFIGURED, *words)
    assert not Path("out").exists()


COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such file": (("run", "event.parquet", "--output", "out"), ("event.parquet", "no such file")),
    "no output": (("run", "events.parquet"), ("--output",)),
    "no such verb": (("hunt", "events.parquet"), ("hunt",)),
    "misspelt verb": (("scna", "events.parquet"), ("scna", "scan")),
    "misspelt option": ((*RUN, "--worker", "2"), ("--worker", "--workers")),
    "output is a file": (("run", "events.parquet", "--output", "events.parquet"), ("is a file",)),
    "folder for a file": (("score", "events.parquet", "--output", "out", *WINDOW), ("out",)),
    "no workers": ((*RUN, "--workers", "0"), ("--workers",)),
    "negative seed": ((*RUN, "--seed", "-1"), ("--seed", "-1 is too small", "a whole number of at least 0")),
    "seed in words": ((*RUN, "--seed", "x"), ("'x' is no whole number", "give a whole number of at least 0")),
    "toys as a float": (("scan", "events.parquet", "--toys", "1e4"), ("'1e4' is no whole number", "write 10000")),
    "thousands with a comma": (("scan", "events.parquet", "--toys", "10,000"), ("write 10000",)),
    "numbers with a comma": ((*RUN, "--workers", "3,4"), ("'3,4'", "a whole number of at least 1")),
    "ledger is a folder": ((*RUN, "--ledger", "."), ("ledger", "is a folder")),
    "empty standard input": (("scan", "-"), ("standard input is empty", "counts")),
    "too many arguments": (("report", "out", "more"), ("(more). See",)),
    "cache is a file": (("fetch", "lhco-rnd-features", "--cache", "events.parquet"), ("events.parquet (file exists)",)),
    "decimal comma": (("scan", "events.parquet", "--luminosity", "139,5"), ("'139,5'", "write 139.5")),
    "per cent": ((*RUN, "--max-bad-rows", "5%"), ("'5%' is no number", "write 0.05")),
    "too many bad rows": ((*RUN, "--max-bad-rows", "5"), ("5 is too large", "below 1")),
    "not finite": (("scan", "events.parquet", "--luminosity", "inf"), ("no finite number",)),
    "short option": (("run", "events.parquet", "-o", "out"), ("'-o'", "Did you mean --output?")),
    "short option of two": ((*RUN, "-c", "my.yaml"), ("'-c'", "--calibration or --config")),
    "short option of none": ((*RUN, "-q"), ("'-q'",)),
    "option for a path": (
        ("run", "events.parquet", "--output", "--resume"),
        (
            "--output",
            "'--resume' is the next",
        ),
    ),
    "window with a comma": (("scan", "events.parquet", "--window", "3300,3700"), ("blanks", "--window LOW HIGH")),
    "masses with commas": (
        ("simulate", "--masses", "3500,500,100", "--output", "x.parquet", "--signal", "5"),
        ("'3500,500,100' is no number", "blanks between them: --masses MZ MX MY"),
    ),
    "two masses": (
        ("limits", "events.parquet", "--masses", "3500", "500", "--output", "out"),
        ("3 numbers", "--masses MZ MX MY"),
    ),
    "switch with a value": ((*RUN, "--blind=yes"), ("--blind", "`bumphunt run --help`")),
    "address on the web": (("run", "https://zenodo.org/x.h5", "--output", "out"), ("https://", "disk", "fetch")),
    "address of a store": (("limits", "events.parquet", "s3://a/b.h5", "--output", "out"), ("s3://a/b.h5", "disk")),
    "address of a tree": (("scan", "root://eos.cern.ch//x.root:tree"), ("root://eos.cern.ch//x.root:tree", "disk")),
    "address for the output": (("run", "events.parquet", "--output", "s3://a/out"), ("s3://a/out", "disk")),
    "window in TeV of a scan": (("scan", "events.parquet", "--window", "3.3", "3.7"), ("3.3-3.7", "TeV", "low < high")),
    "window in MeV": (("scan", "events.parquet", "--window", "33e5", "37e5"), ("MeV",)),
    "window in TeV": (("masses", "events.parquet", "--window", "3.3", "3.7"), ("TeV",)),
    "one end of a window": (("masses", "events.parquet", "--window", "3300"), ("--window",)),
    "window outside": (("masses", "events.parquet", "--window", "9000", "9500"), ("9000",)),
    "config is no file": ((*RUN, "--config", "my.yml"), ("my.yml", "no such file", "check the path")),
    "config is a folder": ((*RUN, "--config", "."), ("the config .:", "is a folder", "YAML file")),
    "unknown family": (("scan", "events.parquet", "--family", "dijet33"), ("dijet33", "did you mean 'dijet3'")),
    "unknown sample": (("fetch", "lhco-rnd-feature"), ("lhco-rnd-feature", "did you mean 'lhco-rnd-features'")),
    "report of nothing": (("report", "out"), ("out",)),
    "signal without masses": (("simulate", "--output", "x.parquet", "--signal", "5"), ("masses",)),
    "heavy daughters": (
        ("simulate", "--output", "x.parquet", "--signal", "5", "--masses", "3500", "3000", "900"),
        ("3000",),
    ),
    "unknown format": (("generate", "events.parquet", "--output", "x.xlsx"), (".xlsx", ".parquet")),
    "events as particles": (("features", "events.parquet", "--output", "x.parquet"), ("raw",)),
    "folder without events": (("run", ".hidden", "--output", "out"), (".hidden",)),
    "pattern without files": (("run", "parts/*.parquet", "--output", "out"), ("no file fits",)),
    "configuration for events": (("run", "my.yaml", "--output", "out"), ("my.yaml",)),
    "resume and overwrite": ((*RUN, "--resume", "--overwrite"), ("one of the two",)),
    "calibration of words": ((*RUN, "--calibration", "many"), ("many", "give a number")),
    "calibration of nothing": ((*RUN, "--calibration", ""), ("calibration is empty", "give a number")),
    "plan that is none": ((*RUN, "--frozen", "events.parquet"), ("is no text", "YAML")),
    "workers in words": ((*RUN, "--workers", "all"), ("--workers", "`bumphunt run --help`")),
    "window reversed": (("masses", "events.parquet", "--window", "3700", "3300"), ("low < high",)),
    "limits of nothing": (("limits", "events.parquet", "--output", "out"), ("no signal is given",)),
    "masses that are not simulated": (
        ("limits", "events.parquet", "--masses", "9500", "500", "100", "--output", "out"),
        ("9500", "file of simulated signal"),
    ),
    "publish nothing": (("publish", "out"), ("not a finished run",)),
    "score without a window": (("score", "events.parquet", "--output", "x.parquet"), ("--window", "--models")),
    "no models": (("score", "events.parquet", "--models", "out", "--output", "x.parquet"), ("--save-models",)),
    "data for signal": (("response", "events.parquet", "--output", "r.npz"), ("simulated signal alone",)),
    "pool is missing": ((*INJECTED, "pool.parquet"), ("pool.parquet", "no such file")),
    "pool too small": ((*INJECTED, "events.parquet"), ("a box of 100000", "a pool of 2000", "--size")),
    "more signal than events": (
        (*INJECTED, "events.parquet", "--signal", "900", "--size", "800"),
        ("900 signal events (--signal)", "800 of a box (--size)"),
    ),
    "second masses in TeV": ((*INJECTED, "events.parquet", "--masses", "3.5", "0.5", "0.1"), ("TeV", "give GeV")),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(here: Path, name: str) -> None:
    arguments, words = COMMANDS[name]
    refused(arguments, *words)
    assert not Path("out").exists()


SPECTRA: dict[str, tuple[str, tuple[str, ...]]] = {
    "as many edges as counts": (spectrum(COUNTS, EDGES[:-1]), ("edge",)),
    "edges in TeV": (spectrum(COUNTS, [edge / 1e3 for edge in EDGES]), ("TeV",)),
    "rates instead of counts": (
        spectrum([count / 137.5 for count in COUNTS], EDGES),
        ("unscaled",),
    ),
    "no counts": (json.dumps({"edges": EDGES}), ("there is no 'counts'",)),
    "cut off": (spectrum(COUNTS, EDGES)[:-9], ("JSON",)),
    "negative": (spectrum([-1.0, *COUNTS[1:]], EDGES), ("negative",)),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_a_spectrum(here: Path, name: str) -> None:
    text, words = SPECTRA[name]
    Path("counts.json").write_text(text, "utf-8")
    refused(("scan", "counts.json"), *words)


def test_the_report_of_a_blinded_run(here: Path) -> None:
    Path("out").mkdir()
    Path("out/result.json").write_text(json.dumps({"schema_version": "2", "blind": True}), "utf-8")
    refused(("report", "out"), "blinded", "--resume")


@pytest.mark.parametrize("verb", ["scan", "run"])
def test_the_folder_of_a_run_for_events(here: Path, verb: str) -> None:
    Path("done").mkdir()
    Path("done/result.json").write_text(json.dumps({"schema_version": "2"}), "utf-8")
    Path("done/candidates.csv").write_text(
        "mjj,mj1,mj2\n3500.0,500.0,100.0\n", "utf-8"
    )  # which are no events to search
    output = ("--output", "out") if verb == "run" else ()
    refused((verb, "done", *output), "done: is the output of a run", "give the events", "`bumphunt report done`")


def test_the_name_of_a_file_for_a_configuration(here: Path) -> None:
    with pytest.raises(InputError, match=r"load_config\('my.yaml'\)"):
        bumphunt.hunt("events.parquet", config="my.yaml")  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, pd.DataFrame()], ids=["nothing", "a table"])
def test_what_is_no_file_in_python(given: Any) -> None:
    with pytest.raises(InputError, match="neither a DataFrame nor a path" if given is None else "give a path here"):
        bumphunt.read_events(given)
    with pytest.raises(InputError, match="load_config reads a file, found"):
        bumphunt.load_config(given)


def test_one_point_for_a_list_of_masses(here: Path) -> None:
    with pytest.raises(InputError, match=r"give a list of points, as in \[\(3500, 500, 100\)\]"):
        bumphunt.limits("events.parquet", options=LimitOptions(masses=(3500, 500, 100)))  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["https://zenodo.org/x.h5", Path("https://zenodo.org/x.h5")])
def test_an_address_in_python(address: str | Path) -> None:
    with pytest.raises(InputError, match="is an address"):
        bumphunt.hunt(address)


def test_there_are_ninety() -> None:
    assert sum(map(len, (TABLES, CONFIGS, COMMANDS, SPECTRA))) >= 90
    assert np.all(np.diff(EDGES) > 0)
