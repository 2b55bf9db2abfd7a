"""Every verb meets the same bad inputs: it refuses in one line, or answers as without what is bad and says so."""

import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.errors import InputError

pytestmark = pytest.mark.filterwarnings("default::UserWarning")

CONFIG = """
search: {low: 2850.0, high: 5400.0, windows: [[3300.0, 3710.0]], cut_fractions: [0.05]}
cwola: {folds: 2, repeats: 1, members: 1, max_iter: 5}
vae: {enabled: false, epochs: 1, hidden: [4], batch_size: 500, latent_dim: 2}
autoencoder: {enabled: false}
limit: {enabled: false}
"""
SETTINGS = ("--config", "light.yaml")
VERBS = {
    "run": ("run", "IN", "--output", "out", *SETTINGS),
    "blind": ("run", "IN", "--blind", "--output", "out", *SETTINGS),
    "dry": ("run", "IN", "--dry-run", "--output", "out", *SETTINGS),
    "score": ("score", "IN", "--output", "s.parquet", "--window", "3300", "3700", *SETTINGS),
    "masses": ("masses", "IN", "--window", "3300", "3700", *SETTINGS),
    "scan": ("scan", "IN", "--window", "3300", "3700", *SETTINGS),
    "generate": ("generate", "IN", "--output", "g.parquet", "--config", "vae.yaml"),
    "calibrate": ("calibrate", "IN", "--output", "out", "--null", "1", "--size", "900", *SETTINGS),
    "limits": ("limits", "IN", "good.parquet", "--output", "out", *SETTINGS),
    "limits of": ("limits", "good.parquet", "IN", "--output", "out", *SETTINGS),
    "response": ("response", "IN", "--output", "r.npz"),
}
POINTS = [(m, x, y) for m in (3_300.0, 3_500.0, 3_700.0) for x, y in ((500.0, 100.0), (400.0, 200.0))]


def column(**values):
    """Return the change that sets columns, from the table where it is a function."""
    return lambda table: table.assign(**values)


def first(name, rows, value):
    """Return the change that sets the first rows of a column."""

    def change(table):
        return table.assign(**{name: table[name].where(np.arange(len(table)) >= rows, value)})

    return change


def copies(number):
    """Return the change that has every event so often."""
    return lambda table: pd.concat([table] * number).sample(frac=1.0, random_state=1).reset_index(drop=True)


NO_SCAN = {"scan"}  # which reads the masses of the resonance alone
REFUSED = {
    "weights vary": (lambda t: t.assign(weight=np.linspace(0.5, 2.0, len(t))), "carry different weights", NO_SCAN),
    "weights of words": (column(weight="heavy"), "not all numbers", NO_SCAN),
    "weights without value": (column(weight=np.nan), "not all numbers", NO_SCAN),
    "weights true": (column(weight=True), "not all numbers", NO_SCAN),
    "weights of dates": (column(weight=pd.Timestamp("2020-01-01")), "not all numbers", NO_SCAN),
    "jets in TeV": (lambda t: t.assign(mj1=t.mj1 / 1e3, mj2=t.mj2 / 1e3), "look like TeV", NO_SCAN),
    "all in TeV": (lambda t: t.assign(mjj=t.mjj / 1e3), "looks like TeV", set()),
    "masses true": (lambda t: t.assign(mj2=t.mj2 > 50.0), "not numeric", NO_SCAN),
    "masses of words": (column(mj2="light"), "not numeric", NO_SCAN),
    "masses of dates": (column(mj2=pd.Timestamp("2020-01-01")), "not numeric", NO_SCAN),
    "infinite masses": (first("mjj", 300, np.inf), "NaN or infinite", set()),
    "no rows": (lambda t: t.iloc[:0], "no events", set()),
    "no mass": (lambda t: t.drop(columns="mjj"), "'mjj' is missing", set()),
}
HARMLESS = {
    "copies": (copies(2), "are copies of another row"),
    "copies with numbers": (
        lambda t: copies(3)(t).assign(run=1, event=np.arange(3 * len(t))),
        "are copies of another row",
    ),
    "labels of words": (column(label="qcd"), ""),
    "labels without value": (column(label=np.nan), ""),
    "labels of three classes": (lambda t: t.assign(label=1 + np.arange(len(t)) % 3), ""),
    "unused without value": (column(extra=np.nan), ""),
    "unused words": (column(extra="a"), ""),
    "equal weights": (column(weight=0.05), "every event carries the weight 0.05"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_events):
    """Return a folder with tables of background, and of signal of six points, for each kind of input."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "light.yaml").write_text(CONFIG)
    (folder / "vae.yaml").write_text("vae: {epochs: 1, hidden: [4], batch_size: 500, latent_dim: 2}\n")
    events = make_events(4_000, signal=60, seed=4, label=False)
    signal = pd.concat(
        [
            make_events(0, signal=320, masses=point, seed=number, label=False).assign(
                m_resonance=point[0], m_x=point[1], m_y=point[2]
            )
            for number, point in enumerate(POINTS)
        ],
        ignore_index=True,
    )
    for name, (change, *_) in {**REFUSED, **HARMLESS, "good": (lambda table: table,)}.items():
        change(events).to_parquet(folder / f"{name}.parquet")
        change(signal).to_parquet(folder / f"signal {name}.parquet")
    return folder


def answer(folder, monkeypatch, verb, name):
    """Run a verb on one input; return its exit status, standard output and standard error."""
    monkeypatch.chdir(folder)
    shutil.rmtree("out", ignore_errors=True)
    file = f"{'signal ' if verb == 'response' else ''}{name}.parquet"
    done = CliRunner().invoke(main, [file if word == "IN" else word for word in VERBS[verb]])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("verb", VERBS)
def test_what_cannot_be_used_is_refused_in_one_line(folder, monkeypatch, verb, name):
    _, words, without = REFUSED[name]
    if verb in without:
        pytest.skip("reads the masses of the resonance alone")
    code, out, said = answer(folder, monkeypatch, verb, name)
    assert code == 2, out + said
    assert said.startswith("bumphunt: ")
    assert said.count("\n") == 1, said
    assert words in said
    assert not (folder / "r.npz").exists()
    assert not (folder / "g.parquet").exists()


@pytest.fixture(scope="module")
def good(folder):
    """Return the answers without anything bad."""
    with pytest.MonkeyPatch.context() as patch:
        return {verb: answer(folder, patch, verb, "good") for verb in ("dry", "scan", "response")}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("verb", ["dry", "scan", "response"])
def test_what_is_harmless_changes_no_answer(folder, monkeypatch, good, verb, name):
    assert good[verb][0] == 0, good[verb]
    code, out, said = answer(folder, monkeypatch, verb, name)
    (folder / "r.npz").unlink(missing_ok=True)
    weights = "the contents are weighted"  # a scan says by how much
    assert (code, [line for line in out.splitlines() if not line.startswith(weights)]) == (
        0,
        good[verb][1].splitlines(),
    ), said
    assert HARMLESS[name][1] in said


def test_new_events_are_learnt_from_each_event_once(folder, monkeypatch):
    learnt = []

    def train(table, *_, **__):
        learnt.append(table)
        raise InputError("enough")

    monkeypatch.setattr("bumphunt.jobs.generation.train_vae", train)
    for name in ("good", "copies", "copies with numbers"):
        answer(folder, monkeypatch, "generate", name)
    assert [len(table) for table in learnt] == [4_060] * 3
    for table in learnt[1:]:
        assert sorted(table["mjj"]) == sorted(learnt[0]["mjj"])
