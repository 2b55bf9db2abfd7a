"""A blinded run: what it says does not change when the selected events of the window do."""

import json

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.jobs import blind as module
from bumphunt.jobs.blind import expect_window, run_blind
from bumphunt.jobs.requests import RunOptions
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window

CONFIG = config_from_dict(
    {
        "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05, 0.02]},
        "cwola": {"folds": 3, "repeats": 1, "members": 1, "max_iter": 15},
    }
)


@pytest.fixture(scope="module")
def search(make_events):
    return prepare_search(drop_truth(make_events(20_000, signal=150, seed=6)), CONFIG, 3)


def test_it_expects_what_the_run_expects(search):
    for expected, found in zip(expect_window(search.tasks[0]), search_window(search.tasks[0]).results, strict=True):
        assert expected.n_expected == pytest.approx(found.n_expected)
        assert expected.n_expected_error == pytest.approx(found.n_expected_error)
        assert 0 < expected.n_signal_3 < expected.n_signal_5
        assert (np.diff(expected.limits) > 0).all()


def test_the_selected_events_of_the_window_are_not_read(search, monkeypatch):
    task = search.tasks[0]
    before = [each.to_dict() for each in expect_window(task)]
    window = task.window.bins(task.edges)

    def changed(mjj, edges):
        counts = np.histogram(mjj, bins=edges)[0].astype(float)
        counts[window] *= 5.0
        return counts

    monkeypatch.setattr(module, "count", changed)
    assert [each.to_dict() for each in expect_window(task)] == before


def test_its_file_has_no_answers(make_events, tmp_path):
    path = tmp_path / "box.parquet"
    make_events(20_000, signal=150, seed=6).to_parquet(path)
    result = run_blind(path, output=tmp_path / "out", config=CONFIG, seed=3)
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written == result.to_dict()
    assert {name: value for name, value in written["answers"].items() if value is not None} == {
        "status": "blinded",
        "discovery": False,
    }
    assert written["blind"] is True
    assert "n_observed" not in json.dumps(written)
    assert str(result).startswith("blinded")


LIGHT = CONFIG.model_copy(
    update={
        "vae": CONFIG.vae.model_copy(update={"enabled": False}),
        "autoencoder": CONFIG.autoencoder.model_copy(update={"enabled": False}),
        "limit": CONFIG.limit.model_copy(update={"enabled": False}),
    }
)


def test_it_goes_on_where_it_stopped_and_the_run_goes_on_after_it(make_events, tmp_path, monkeypatch, light_prior):
    from bumphunt.jobs.run import run_analysis

    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
    path, output = tmp_path / "box.parquet", tmp_path / "out"
    make_events(11_000, seed=6).to_parquet(path)
    request = {"output": output, "config": LIGHT, "seed": 3}
    first = run_blind(path, **request)
    with pytest.raises(InputError, match="finished result"):
        run_blind(path, **request)
    with monkeypatch.context() as patch:
        patch.setattr(module, "expect_window", lambda task: pytest.fail("computed again"))
        assert run_blind(path, options=RunOptions(resume=True), **request).to_dict() == first.to_dict()
    with pytest.raises(InputError, match="finished result"):
        run_analysis(path, **request)
    found = run_analysis(path, options=RunOptions(resume=True), **request)
    assert set(found.answers.per_search) == {"cwola", "prior"}, "blinded, nothing of the prior was computed"
    written = (output / "result.json").read_bytes()
    assert json.loads(written) == found.to_dict()
    for options in (RunOptions(), RunOptions(resume=True)):
        with pytest.raises(InputError, match=r"overwrite"):
            run_blind(path, options=options, **request)
    assert (output / "result.json").read_bytes() == written, "a blinded run does not replace it"
    assert run_blind(path, options=RunOptions(overwrite=True), **request).to_dict() == first.to_dict()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (RunOptions(save_models=True), "keeps no models"),
        (RunOptions(calibration=10), "no significance"),
        (RunOptions(max_bad_rows=2.0), "max_bad_rows is 2"),
    ],
)
def test_options_are_obeyed_or_refused(make_events, tmp_path, options, said):
    path = tmp_path / "box.parquet"
    make_events(1_000, seed=6).to_parquet(path)
    with pytest.raises(InputError, match=said):
        run_blind(path, output=tmp_path / "out", config=LIGHT, options=options)


def test_events_without_certified_luminosity_are_not_looked_at(make_events, tmp_path):
    table = make_events(9_000, signal=100, seed=6, label=False)
    good = np.arange(len(table)) % 3 > 0
    table.assign(run=np.where(good, 5, 6), luminosityBlock=1).to_parquet(tmp_path / "all.parquet")
    table[good].to_parquet(tmp_path / "certified.parquet")
    (tmp_path / "mask.json").write_text('{"5": [[1, 9]]}')
    asked = {"output": tmp_path / "out", "config": CONFIG, "seed": 3}
    with pytest.warns(UserWarning, match="in no certified luminosity block"):
        masked = run_blind(
            tmp_path / "all.parquet", options=RunOptions(luminosity_mask=tmp_path / "mask.json"), **asked
        )
    assert masked.input["n_events"] == good.sum()
    alone = run_blind(tmp_path / "certified.parquet", **{**asked, "output": tmp_path / "b"})
    assert masked.to_dict()["expected"] == alone.to_dict()["expected"]
    with pytest.raises(InputError, match="other events"):
        run_blind(tmp_path / "all.parquet", options=RunOptions(resume=True), **asked)
