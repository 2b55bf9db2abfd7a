import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from bumphunt.errors import InputError
from bumphunt.scores.persistence import load_estimator, load_network, save_estimator, save_network

X = np.random.default_rng(0).uniform(size=(200, 3))
Y = X[:, 0] > 0.5


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=5),
        DecisionTreeClassifier(max_depth=3),
        make_pipeline(StandardScaler(), PCA(), MLPClassifier((4,), max_iter=200, solver="adam", tol=0.1)),
    ],
    ids=lambda e: type(e).__name__,
)
def test_reloaded_estimator_is_identical(estimator, tmp_path):
    path = tmp_path / "model.skops"
    estimator.fit(X, Y)
    save_estimator({"members": [estimator, estimator]}, path)
    loaded = load_estimator(path)["members"][1]
    np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
    assert [p.name for p in tmp_path.iterdir()] == ["model.skops"]
    with zipfile.ZipFile(path) as archive:
        assert not any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())


class Foreign:
    """A type nobody listed."""

    def __init__(self):
        self.value = 1


def test_a_type_that_is_not_listed_is_refused(tmp_path):
    path = tmp_path / "foreign.skops"
    save_estimator(Foreign(), path)
    with pytest.raises(InputError, match=r"Foreign.*refused"):
        load_estimator(path)


@pytest.mark.parametrize("load", [load_estimator, load_network])
def test_missing_and_damaged_files_are_refused(load, tmp_path):
    suffix = ".skops" if load is load_estimator else ".keras"
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / f"absent{suffix}")
    damaged = tmp_path / f"damaged{suffix}"
    damaged.write_bytes(b"not a model")
    with pytest.raises(InputError, match="not a readable"):
        load(damaged)


@pytest.mark.parametrize("save", [save_estimator, save_network])
def test_names_and_folders_are_checked(save, tmp_path):
    with pytest.raises(InputError, match="must end in"):
        save(None, tmp_path / "model.pkl")
    suffix = ".skops" if save is save_estimator else ".keras"
    with pytest.raises(InputError, match="does not exist"):
        save(None, tmp_path / "absent" / f"model{suffix}")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    save_estimator([1, 2], path)
    before = path.read_bytes()

    def half_written(_, file):
        Path(file).write_bytes(b"half a mo")
        raise OSError("disk full")

    monkeypatch.setattr("skops.io.dump", half_written)
    with pytest.raises(InputError, match="disk full"):
        save_estimator([3], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.skops"]
