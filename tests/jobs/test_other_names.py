"""A table whose columns are called otherwise is searched by configuration, and its answers are the same."""

import zlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bumphunt
from bumphunt.preprocessing import content

NAMES = {"mjj": "m_jets", "mj1": "heavy", "mj2": "light", "tau21_1": "shape_1", "tau21_2": "shape_2"}
OTHERWISE = {
    "resonance": {"column": "m_jets"},
    "daughters": ["heavy", "light"],
    "features": ["heavy", "light", "shape_1", "shape_2"],
}


@pytest.fixture
def same_folds(monkeypatch):
    """Deal events to folds as if columns had their usual names, which enter the hash of an event."""
    usual = {new.encode(): old.encode() for old, new in NAMES.items()}
    assert sorted(NAMES, key=NAMES.__getitem__) == sorted(NAMES), "columns are hashed in the order of their names"
    monkeypatch.setattr(content, "zlib", SimpleNamespace(crc32=lambda name: zlib.crc32(usual.get(name, name))))


def windows(found):
    """Return the numbers of every window at every cut."""
    return [
        (each.low, each.high, each.cut_fraction, each.n_observed, each.n_expected, each.z_local)
        for each in found.scan.windows
    ]


@pytest.mark.slow
def test_other_names_change_no_number_of_the_search(make_events, light_hunt, same_folds, tmp_path, monkeypatch):
    """Masses are those of the excess then: what jets do to the masses of daughters is simulated for dijets alone."""
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)
    table = make_events(12_000, signal=150, seed=5, label=False)
    # a row whose daughters come in the other order is put right by the configured names
    table.loc[3, ["mj1", "mj2", "tau21_1", "tau21_2"]] = table.loc[3, ["mj2", "mj1", "tau21_2", "tau21_1"]].to_numpy()
    with pytest.warns(UserWarning, match="1 of 12150 rows had mj1 < mj2"):
        usual = bumphunt.hunt(table, config=light_hunt, seed=3)
    with pytest.warns(UserWarning, match="1 of 12150 rows had heavy < light"):
        other = bumphunt.hunt(table.rename(columns=NAMES), config={**light_hunt, **OTHERWISE}, seed=3)
    for name in ("p_local", "z_local", "p_global", "z_global", "z_stat", "per_search", "status", "n_trials"):
        assert getattr(other.answers, name) == getattr(usual.answers, name), name
    assert other.answers.z_global > 3
    pd.testing.assert_series_equal(other.scores, usual.scores)
    np.testing.assert_array_equal(windows(other), windows(usual))
    np.testing.assert_array_equal(other.inclusive.expected, usual.inclusive.expected)
    known = {check.name: (check.passed, check.value) for check in usual.checks}
    checks = {check.name: (check.passed, check.value) for check in other.checks}
    assert {"sideband_fit", "sculpting", "fold_agreement", "no_deficit"} <= set(checks)
    assert checks == {name: known[name] for name in checks}
    assert usual.answers.m_x is not None
    assert other.answers.m_x is None
    assert other.answers.m_resonance.value == pytest.approx(3_500.0, rel=0.01)
    folder = other.save(tmp_path / "out")
    assert {"m_jets", "heavy", "light"} <= set(pd.read_csv(folder / "candidates.csv").columns)
