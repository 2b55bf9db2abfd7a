"""A file calibrated by itself: whole searches of pseudo-data, used again only where they fit, and kept when stopped."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import bumphunt
from bumphunt.calibration import whole_searches as module
from bumphunt.calibration.summary import searches_of
from bumphunt.calibration.whole_searches import null_points
from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.jobs import own_calibration
from bumphunt.jobs.calibrate import CalibrationPlan, calibrate
from bumphunt.jobs.own_calibration import searches_for
from bumphunt.jobs.requests import Request, RunOptions
from bumphunt.jobs.run import run_analysis
from bumphunt.pipeline.keeping import Memory, unwatched
from bumphunt.statistics import z_from_p

CONFIG = {
    "searches": ["cwola"],
    "search": {"low": 2_850.0, "windows": [[3_300.0, 3_710.0], [3_500.0, 3_900.0]], "cut_fractions": [0.03]},
    "cwola": {"folds": 2, "repeats": 2, "max_iter": 5},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """Draw nothing: the report has its own tests."""
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def table(make_events):
    return make_events(7_000, signal=60, seed=5, label=False)


@pytest.fixture(scope="module")
def hunted(table):
    return bumphunt.hunt(table, config=CONFIG, seed=3, calibration=10)


def test_significances_follow_the_searches_of_these_events(hunted, table):
    found = hunted.answers.calibration
    assert found is not None
    assert found["n"] == 10
    assert [each["n"] for each in found["nulls"]] == [10, 10]
    assert found["width"] == max(each["width"] for each in found["nulls"])
    assert "permuted" in found["method"]
    assert "smooth" in found["method"]
    assert hunted.answers.tested_to == pytest.approx(z_from_p(3 / 11))
    searches = hunted.calibration
    assert set(searches.found) == {"permuted", "smooth"}
    assert all(rows.shape == (20, 6) for rows in searches.found.values()), "ten searches, two windows, one cut"
    assert len(np.unique(searches.found["smooth"][:, 5])) == 20, "no two searches are the same"
    null = searches.null()
    for window in hunted.scan.windows:
        here = {"n_window": window.n_window, "cut_fraction": 0.03, "n_features": 4, "repeats": 2}
        shifted = [(window.z_raw - mean) / width for mean, width in (each.at(**here) for each in (null, *null.others))]
        assert window.z_stat == pytest.approx(min(shifted))
    by_surface = bumphunt.hunt(table, config=CONFIG, seed=3)
    assert [each.z_raw for each in by_surface.scan.windows] == [each.z_raw for each in hunted.scan.windows]
    assert by_surface.answers.calibration["method"] != found["method"]


def test_pseudo_data_hold_no_resonance(table):
    config = config_from_dict(CONFIG)
    events = bumphunt.events.drop_truth(table)
    search = module.prepare_search(events, config, 1)
    for task in module.null_searches(search, number=10, seed=1)[:2]:
        low, high = task.config.search.low, task.config.search.high
        assert (low, high) == (search.edges[0], pytest.approx(search.edges[-1]))
        rows = module.run_null_search(task)
        assert rows[:, 1].tolist() == [each.window.low for each in search.tasks], "windows are those of the data"
        assert np.abs(rows[:, 5]).max() < 4


@pytest.fixture(scope="module")
def both(table):
    """A search by both, of which the prior's is a number that the pseudo-data decide."""
    cwola = {"folds": 2, "repeats": 1, "max_iter": 1}
    config = config_from_dict({**CONFIG, "searches": ["cwola", "prior"], "cwola": cwola})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "reason_against", lambda _: None)
        patch.setattr(module, "permuted_significance", lambda search: float(search.mjj.mean() - 3_000.0) / 100.0)
        yield module.prepare_search(bumphunt.events.drop_truth(table), config, 1), config


def calibration_of(search, config, keeper=None, *, number=10):
    own = own_calibration.OwnCalibration(
        asked=Request.of(config, 3, 1, RunOptions(calibration=number)), watch=unwatched
    )
    return own(search, keeper or Memory()), own.searches


class Folder(Memory):
    """Keeps what it is given."""

    def __init__(self, found=()):
        self.found = dict(found)

    def keep(self, name, make):
        self.found[name] = make()
        return self.found[name]

    def kept(self, name):
        return self.found.get(name)


@pytest.fixture(scope="module")
def repeated(both):
    """The null of both, what it was made of, what was kept, and how often each set of pseudo-data was searched."""
    seen = {}
    real = module.prepare_search

    def prepared(box, config, seed):
        search = real(box, config, seed)
        seen.setdefault((seed, round(float(box["mjj"].sum()), 3), round(float(box["mj1"].iloc[0]), 3)), []).append(box)
        return search

    folder = Folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "prepare_search", prepared)
        null, searches = calibration_of(*both, folder)
    return null, searches, folder, [len(boxes) for boxes in seen.values()]


def test_both_searches_are_repeated_on_the_same_pseudo_data(repeated):
    null, searches, folder, seen = repeated
    assert seen == [2] * 20
    assert sorted(folder.found) == sorted(
        f"null_{by}{kind}_{number:04d}" for by in ("", "prior_") for kind in module.KINDS for number in range(10)
    )
    z = {kind: [folder.found[f"null_prior_{kind}_{n:04d}"]["rows"][0] for n in range(10)] for kind in module.KINDS}
    assert {kind: found.tolist() for kind, found in searches.prior.items()} == z
    of_prior = null.of_prior
    assert [each.mean for each in (of_prior, *of_prior.others)] == pytest.approx([np.mean(z[k]) for k in module.KINDS])
    assert of_prior.width == pytest.approx(np.std(z["permuted"], ddof=1))
    assert of_prior.tested_to == pytest.approx(z_from_p(3 / 11))
    assert null.points
    again = module.WholeSearches.from_dict(json.loads(json.dumps(searches.to_dict())))
    assert again.null() == null


def test_one_search_that_was_stopped_goes_on_beside_the_other(both, repeated, monkeypatch):
    first, _, folder, _ = repeated
    # as a calibration from before left them
    old = {name: found for name, found in folder.found.items() if "prior" not in name}
    again = []
    real = own_calibration.run_null_search
    monkeypatch.setattr(own_calibration, "run_null_search", lambda task: again.append(task.by) or real(task))
    second, _ = calibration_of(*both, Folder(old))
    assert again == ["prior"] * 20
    assert second == first


def test_a_file_without_the_prior_calibrates_the_other_search_alone(both, repeated, tmp_path):
    search, config = both
    null, searches, *_ = repeated
    content = {"searches": searches.to_dict()}
    path = tmp_path / "calibration.json"

    def by_file(changes=()):
        path.write_text(json.dumps({"searches": {**content["searches"], **dict(changes)}}))
        return calibration_of(search, config, number=path)[0]

    assert by_file() == null
    for key in ("prior", "prior_settings"):
        content["searches"].pop(key)
    alone = by_file()
    assert alone.of_prior is None
    assert alone.points == null.points
    settings, z = searches.prior_settings, {"smooth": [0.5] * 12}
    assert by_file({"prior": z, "prior_settings": settings}).of_prior.mean == 0.5
    other = {**settings, "declared": {**settings["declared"], "permutations": 7}}
    with pytest.raises(InputError, match=r"with prior\.declared\.permutations 7, and this search has 500"):
        by_file({"prior": z, "prior_settings": other})
    with pytest.raises(InputError, match=r"is damaged: .*prior"):
        by_file({"prior": {"smooth": [[0.5]]}, "prior_settings": settings})
    # one that does not ask for the prior has no use for it
    only = config.model_copy(update={"searches": ["cwola"]})
    path.write_text(json.dumps({"searches": {**searches.to_dict(), "prior_settings": other}}))
    assert searches_for(module.prepare_search(search.events, only, 1), path).null().points == null.points


def test_a_search_that_does_not_apply_is_not_repeated(both, monkeypatch):
    search, _ = both
    by = {task.by for task in module.null_searches(search, number=10, seed=1)}
    monkeypatch.setattr(module, "reason_against", lambda _: "too few")
    assert (by, {task.by for task in module.null_searches(search, number=10, seed=1)}) == (
        {"cwola", "prior"},
        {"cwola"},
    )


def test_boxes_of_calibrate_hold_both_searches(both, repeated):
    search, config = both
    _, searches, *_ = repeated
    z = [0.5, math.nan, -1.0]
    results = [
        SimpleNamespace(
            searched=searches.found["smooth"][:2],
            n_searched=len(search.mjj),
            features=search.features,
            z_prior=each,
            prior_settings={"of": "these"} if each == each else {},
        )
        for each in z
    ]
    found = searches_of(results, kind="subsample", config=config, seed=1)
    assert found.prior["subsample"].tolist() == [0.5, -1.0]
    assert found.prior_settings == {"of": "these"}
    assert searches_of(results[1:2], kind="subsample", config=config, seed=1).prior == {}


@pytest.mark.long
def test_a_stopped_run_repeats_no_search(table, tmp_path, monkeypatch):
    path, out = tmp_path / "box.parquet", tmp_path / "out"
    table.to_parquet(path)
    config = config_from_dict(CONFIG)
    done = []
    real = own_calibration.run_null_search

    def until_five(task):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(task.number)
        return real(task)

    monkeypatch.setattr(own_calibration, "run_null_search", until_five)
    with pytest.raises(KeyboardInterrupt):
        run_analysis(path, output=out, config=config, seed=3, options=RunOptions(calibration=10))
    again = []
    monkeypatch.setattr(own_calibration, "run_null_search", lambda task: again.append(task.number) or real(task))
    first = run_analysis(path, output=out, config=config, seed=3, options=RunOptions(calibration=10, resume=True))
    assert len(again) == 15
    assert first.answers.calibration["n"] == 10
    with pytest.raises(InputError, match="another run"):
        run_analysis(path, output=out, config=config, seed=3, options=RunOptions(calibration=11, resume=True))
    # the file it left calibrates another run of the same settings, and makes the same numbers
    by_file = run_analysis(
        path, output=tmp_path / "b", config=config, seed=3, options=RunOptions(calibration=out / "calibration.json")
    )
    assert by_file.answers.to_dict() == first.answers.to_dict()


@pytest.fixture(scope="module")
def stored(hunted, tmp_path_factory):
    path = tmp_path_factory.mktemp("calibration") / "calibration.json"
    path.write_text(json.dumps({"searches": hunted.calibration.to_dict()}))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cwola": {**CONFIG["cwola"], "folds": 3}}, r"cwola\.folds 2, and this search has 3"),
        ({"cwola": {**CONFIG["cwola"], "repeats": 1}}, r"cwola\.repeats 2"),
        ({"search": {**CONFIG["search"], "windows": [[3_300.0, 3_710.0]]}}, r"search\.windows"),
        ({"search": {**CONFIG["search"], "cut_fractions": [0.02]}}, r"search\.cut_fractions \[0\.03\]"),
        ({"features": ["mj1", "mj2"]}, "with the features mj1, mj2, tau21_1, tau21_2"),
        ({"search": {**CONFIG["search"], "null_width": 1.1}}, "leave out one"),
    ],
)
def test_a_file_of_other_settings_is_refused(stored, table, changes, words):
    with pytest.raises(InputError, match=words):
        bumphunt.hunt(table, config={**CONFIG, **changes}, seed=3, calibration=stored)


def test_a_file_of_another_size_is_refused(stored, make_events):
    with pytest.raises(InputError, match=r"this file has \d+: they may differ by 20%"):
        bumphunt.hunt(make_events(10_000, seed=1, label=False), config=CONFIG, calibration=stored)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no calibration"),
        ("[]", "holds no whole searches"),
        ('{"null": null}', "holds no whole searches"),
        ('{"searches": {"format": 1}}', "is damaged"),
        (None, "cannot read"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, table, content, words):
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        bumphunt.hunt(table, config=CONFIG, calibration=path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", [3, 0, -5, True, 2.5, 10**12])
def test_numbers_nobody_means_are_refused(table, asked):
    with pytest.raises(InputError, match="calibration is"):
        bumphunt.hunt(table, config=CONFIG, calibration=asked)


def test_what_calibrate_writes_is_used(table, make_events, tmp_path):
    pool = tmp_path / "pool.parquet"
    make_events(20_000, seed=9, label=False).to_parquet(pool)
    calibrate(
        pool, CalibrationPlan(null=6, size=7_060), output=tmp_path / "out", config=config_from_dict(CONFIG), seed=2
    )
    found = bumphunt.hunt(table, config=CONFIG, seed=3, calibration=tmp_path / "out")
    assert found.answers.calibration["n"] == 6
    assert "subsample" in found.answers.calibration["method"]
    assert found.answers.tested_to == pytest.approx(z_from_p(3 / 7))


def test_what_would_sharpen_is_not_used_before_it_is_known():
    rng = np.random.default_rng(1)

    def rows(number, mean, width):
        z = rng.normal(mean, width, number)
        return np.stack([np.arange(number), *([np.full(number, x) for x in (1.0, 2.0, 0.01, 500.0)]), z], axis=1)

    few, many = (null_points(rows(number, -0.5, 0.7), n_features=4, repeats=1, folds=3)[0] for number in (20, 2_000))
    assert (few.mean, few.width) == (0.0, 1.0)
    assert (many.mean, many.width) == (pytest.approx(-0.5, abs=0.05), pytest.approx(0.7, abs=0.05))
    wide = null_points(rows(20, 0.5, 1.5), n_features=4, repeats=1, folds=3)[0]
    assert wide.mean > 0
    assert wide.width > 1
