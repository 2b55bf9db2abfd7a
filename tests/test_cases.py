"""Inputs that once failed or misled, a row each, with what is right: tables, kinds of files, settings and outputs."""

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bumphunt
from bumphunt.cli import main
from bumphunt.errors import InputError
from bumphunt.jobs.intake import take_in

QUICK = {
    "searches": ["cwola"],
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "latent": {"enabled": False},
    "limit": {"enabled": False},
    "cwola": {"members": 1, "max_iter": 10, "folds": 2, "repeats": 1},
    "search": {"windows": [[3300, 3700]]},
}
CONFIG = bumphunt.AnalysisConfig.model_validate(QUICK)
MEASURED = ("mjj", "mj1", "mj2", "tau21_1", "tau21_2")


@pytest.fixture(scope="module")
def table(make_events):
    return make_events(6_000, signal=60, label=False, seed=4).astype("float32").astype("float64")


@pytest.fixture(scope="module")
def answers(table, one_decay):
    return bumphunt.hunt(table, config=QUICK).answers.to_dict()


def command(*arguments):
    """The exit status, and what was printed; anything but a refusal in one line or success is a failure."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done


def refused(*arguments):
    done = command(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def content(events):
    """What identifies the events that are searched, however they came."""
    return take_in(events, CONFIG).source["content"]


def shuffled(table, seed=3):
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def exchanged(table):
    return table.rename(columns=lambda name: re.sub("[12]$", lambda end: "21"[int(end[0]) - 1], name))[table.columns]


# ------------------------------------------------------------------------------------------------- tables of events
@pytest.mark.filterwarnings("ignore:events")
@pytest.mark.parametrize(
    "variant",
    [
        shuffled,
        lambda table: shuffled(pd.concat([table] * 3)),
        lambda table: table.assign(label="qcd"),
        lambda table: table.assign(weight=0.05),
    ],
    ids=["shuffled", "three copies", "label of words", "equal weights"],
)
def test_answers_do_not_depend_on_how_the_same_events_come(table, answers, variant):
    assert bumphunt.hunt(variant(table), config=QUICK).answers.to_dict() == answers


@pytest.mark.filterwarnings("ignore:events")
@pytest.mark.parametrize(
    ("variant", "copies"),
    [
        (lambda table: [table, table], 6_060),
        (lambda table: [table] * 4, 3 * 6_060),
        (lambda table: [table, table.head(303)], 303),
        (lambda table: [table, exchanged(table)], 6_060),
        (lambda table: [table, table.astype("float32").astype("float64")], 6_060),
        (lambda table: [part.assign(run=n, event=np.arange(6_060) + n) for n, part in enumerate([table] * 3)], 12_120),
    ],
    ids=["2", "4", "5 %", "jets exchanged", "single precision", "renumbered"],
)
def test_copies_are_dropped_and_counted(table, variant, copies):
    taken = take_in(shuffled(pd.concat(variant(table))), CONFIG)
    assert taken.source["content"] == content(table)
    assert taken.quality.duplicates == copies


@pytest.mark.filterwarnings("ignore:events")
@pytest.mark.parametrize("columns", [[*MEASURED], ["mjj"]], ids=["all columns", "one column"])
@pytest.mark.parametrize(
    "written",
    [
        lambda values: values.astype("float16").astype("float64"),
        lambda values: values.map(lambda value: float(f"{value:.4g}")),
        lambda values: values * (1 + 1e-6 * np.random.default_rng(1).standard_normal(values.shape)),
    ],
    ids=["half precision", "four digits", "noise"],
)
def test_near_copies_leave_exactly_the_originals(table, written, columns):
    again = table.copy()
    again[columns] = written(table[columns])
    taken = take_in(shuffled(pd.concat([table, again])), CONFIG)
    assert taken.source["content"] == content(table)
    assert taken.quality.duplicates + taken.quality.near_duplicates == len(table)


@pytest.mark.parametrize(
    "label", [np.nan, -1, 2, "qcd", True, None, np.resize([None, "a", 1.0], 6_060)], ids=lambda label: str(label)[:10]
)
def test_truth_is_never_read(table, label):
    assert content(table.assign(label=label)) == content(table)


@pytest.mark.filterwarnings("ignore:events")
@pytest.mark.parametrize("column", ["mj1", "mj2", "tau21_2"])
def test_copies_with_one_other_column_are_dropped_and_share_a_score(table, column):
    again = table.tail(1_200).copy()
    again[column] *= 1.3 if column == "mj1" else 0.7
    taken = take_in(pd.concat([table, again], ignore_index=True), CONFIG)
    assert taken.quality.near_duplicates == 1_200
    assert len(taken.events) == 6_060
    assert any(f"all columns but {column!r} and were dropped" in note for note in taken.quality.notes)
    scores = taken.per_row(np.arange(len(table), dtype=np.float64))
    assert (scores[-1_200:].to_numpy() == scores[-2_400:-1_200].to_numpy()).all()
    assert scores.notna().all()


@pytest.mark.parametrize(
    "name", ["Weight", "EVENT_WEIGHT", "mcWeight", "evt_weight", "sampleWeight", "wgt", "weight_mc"]
)
def test_weights_of_any_spelling_are_weights(table, name):
    with pytest.raises(InputError, match=f"different weights: those in column '{name}' are 0.5 to 2"):
        bumphunt.hunt(table.assign(**{name: np.linspace(0.5, 2.0, len(table))}), config=QUICK)


@pytest.mark.parametrize("name", ["weight_pileup", "lumi_weight", "w", "WT"])
def test_what_may_be_a_weight_is_named_and_not_used(table, name):
    with pytest.warns(UserWarning, match=f"column '{name}' may hold event weights and is not used"):
        assert content(table.assign(**{name: np.linspace(0.5, 2.0, len(table))})) == content(table)


def test_weights_are_used_or_refused(table, tmp_path):
    rng = np.random.default_rng(1)
    for weight in (0.0, -1.0, np.nan, "a", rng.uniform(0.5, 2.0, len(table))):
        with pytest.raises(InputError, match="different weights"):
            bumphunt.hunt(table.assign(weight=weight), config=QUICK)
    with pytest.warns(UserWarning, match="multiply yields and limits by 0.05"):
        assert content(table.assign(weight=0.05)) == content(table)
    path = tmp_path / "weighted.parquet"
    table.assign(weight=rng.uniform(0.5, 2.0, len(table))).to_parquet(path)
    assert "weighted" in command("scan", path, "--toys", 100).stdout
    table.assign(genWeight=rng.uniform(0.5, 2.0, len(table))).to_parquet(path)
    assert "weighted" in command("scan", path, "--toys", 100).stdout
    for weight in (np.nan, "a"):
        table.assign(weight=weight).to_parquet(path)
        assert "6060 of 6060 weights" in refused("scan", path, "--toys", 100)


@pytest.mark.parametrize("column", ["mj1", "tau21_1"])
def test_few_unusable_rows_are_dropped_and_many_are_refused(table, column):
    few, many = table.copy(), table.copy()
    few.loc[[1, 20, 300], column] = np.nan
    many.loc[::3, column] = np.nan
    with pytest.warns(UserWarning, match="3 of 6060 rows"):
        assert take_in(few, CONFIG).quality.dropped == 3
    with pytest.raises(InputError, match="2020 of 6060 rows cannot be used"):
        take_in(many, CONFIG)


def test_a_column_that_is_not_used_may_hold_nan(table):
    assert content(table.assign(extra=np.nan)) == content(table)


def test_a_mass_just_below_0_is_read_as_0(table):
    rounded, zero = table.copy(), table.copy()
    rounded.loc[[7, 70], "mj2"], zero.loc[[7, 70], "mj2"] = -1e-5, 0.0
    with pytest.warns(UserWarning, match="2 values of 'mj2' just below 0"):
        assert content(rounded) == content(zero)


def test_masses_in_tev_are_refused(table):
    for columns in (["mj1", "mj2"], ["mj1"], ["mjj"], ["mjj", "mj1", "mj2"]):
        wrong = table.copy()
        wrong[columns] /= 1000
        with pytest.raises(InputError, match=r"TeV.*multiply"):
            take_in(wrong, CONFIG)


@pytest.mark.parametrize("columns", [["mjj", "mj1", "mj2"], ["mj1", "mj2"], ["mj2"], ["mjj"]], ids="+".join)
@pytest.mark.parametrize("rows", [300, 3_030, 5_000])
def test_a_part_in_tev_is_refused_with_its_count(table, columns, rows):
    mixed = table.copy()
    mixed.loc[: rows - 1, columns] /= 1_000
    with pytest.raises(InputError, match="TeV") as refused_with:
        take_in(shuffled(mixed), CONFIG)
    if rows < 3_000:
        assert f"{rows} of 6060 values of {columns[0]!r} lie where the others would in a unit" in str(
            refused_with.value
        )


@pytest.mark.parametrize("kind", ["pions", "light jets", "zeros", "wide", "few"])
def test_small_masses_are_no_other_unit(table, kind):
    rng = np.random.default_rng(1)
    honest, some = table.copy(), rng.random(len(table)) < 0.3
    light = {
        "pions": np.full(len(table), 0.13957),
        "light jets": rng.lognormal(-1.0, 0.7, len(table)),
        "zeros": np.zeros(len(table)),
        "wide": 10 ** rng.uniform(-1.0, 2.0, len(table)),
        "few": np.where(np.arange(len(table)) < 11, table["mj2"] / 1000, table["mj2"]),
    }[kind]
    honest["mj2"] = np.where(some, np.minimum(light, table["mj1"]), table["mj2"])
    assert len(take_in(honest, CONFIG).events) > 6_000


def test_what_is_no_table_is_refused():
    for events in (None, 5, np.ones((3, 3)), [5]):
        with pytest.raises(InputError, match="neither a DataFrame nor a path"):
            bumphunt.hunt(events)
    with pytest.raises(InputError, match=r"several DataFrames .* pandas\.concat"):
        bumphunt.hunt([pd.DataFrame(), pd.DataFrame()])


def test_few_events_get_safe_advice(table):
    with pytest.raises(InputError, match="give more events") as caught:
        bumphunt.hunt(table.head(1_190), config=QUICK)
    assert "decorrelation" not in str(caught.value)


# -------------------------------------------------------------------------------------------------------------- files
def test_parts_are_read_as_one_in_any_order(table, tmp_path):
    parts = []
    for number in range(5):
        parts.append(tmp_path / f"part_{number}.parquet")
        table.iloc[number::5].to_parquet(parts[-1], index=False)
    whole = content(table)
    for events in (parts, parts[::-1], tmp_path, tmp_path / "part_*.parquet", str(tmp_path / "part_?.parquet")):
        assert content(events) == whole
    spectra = {command("scan", *given, "--toys", 100).stdout for given in ([tmp_path], [tmp_path / "part_*"], parts)}
    assert len(spectra) == 1
    assert "best window" in spectra.pop()


@pytest.mark.filterwarnings("ignore:.*separated by")
@pytest.mark.parametrize(("separator", "decimal"), [(";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")])
def test_text_is_read_with_any_separator(table, tmp_path, separator, decimal):
    table.to_csv(tmp_path / "events.csv", sep=separator, decimal=decimal, index=False)
    assert content(tmp_path / "events.csv") == content(table)


@pytest.mark.parametrize(("column", "name"), [("mjj", "m_jj"), ("mjj", "Mjj_GeV"), ("mj1", "mJ1")])
def test_another_name_of_a_column_is_suggested(table, column, name):
    with pytest.raises(InputError, match=rf"{column}.*did you mean '{name}'.*set"):
        take_in(table.rename(columns={column: name}), CONFIG)


def test_a_tree_of_several_is_named(table, tmp_path):
    uproot = pytest.importorskip("uproot")
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        for tree in ("nominal", "JES_up"):
            file[tree] = {name: table[name].to_numpy() for name in table.columns}
    assert content(f"{path}:nominal") == content(table)
    with pytest.raises(InputError, match=r"two\.root:nominal"):
        take_in(path, CONFIG)
    with pytest.raises(InputError, match="nominal, JES_up"):
        take_in(f"{path}:nominl", CONFIG)
    assert "best window" in command("scan", f"{path}:nominal", "--toys", 100).stdout
    assert "nominal, JES_up" in refused("scan", f"{path}:nominl", "--toys", 100)


# ------------------------------------------------------------------------------------------------ settings and outputs
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("search: {family: dijet33}", "did you mean 'dijet3'"),
        ("search: {familiy: dijet3}", "did you mean search.family?"),
        ("search: {null_width: .inf}", "search.null_width: should be a finite number"),
        ("cwola: {fold: 2}", "did you mean cwola.folds?"),
        ("fold: 2", "did you mean cwola.folds?"),
        ("masses: {peak_scan_bins: {mjj: 0.0}}", "masses.peak_scan_bins.mjj"),
        ("masses: {peak_scan_bins: {mjj: 50.0}}", "mj1 is missing"),
        ("masses: {peak_scan_bins: {mjj: 50.0, mj1: 20.0, mj_2: 20.0}}", "did you mean mj2"),
        ("limit: {luminosity: .nan}", "limit.luminosity: should be a finite number"),
    ],
)
def test_a_slip_in_the_config_is_one_line_before_any_work(tmp_path, text, words):
    path = tmp_path / "config.yaml"
    path.write_text(text + "\n", "utf-8")
    events = tmp_path / "not there.parquet"
    said = refused("run", events, "--config", path, "--output", tmp_path / "out")
    assert words in said
    assert str(path) in said
    assert not (tmp_path / "out").exists()
    assert words in refused("scan", events, "--config", path)


def test_an_output_that_cannot_be_written_is_one_line(table, tmp_path):
    events = tmp_path / "events.parquet"
    table.to_parquet(events, index=False)
    for folder in ("", "a" * 300, events, events / "below", "/dev/full/below"):
        refused("run", events, "--output", folder)
        refused("score", events, "--window", 3300, 3700, "--output", f"{folder}/x.parquet" if folder else "")
        refused("simulate", "--background", 10, "--output", f"{folder}/x.parquet" if folder else "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.parquet"]
