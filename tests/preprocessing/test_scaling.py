import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.base import clone

from bumphunt.errors import InputError, TruthError
from bumphunt.events import FEATURES
from bumphunt.preprocessing.scaling import QuantileFrontEnd


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    columns = {name: rng.gamma(2.0, 1.0 + index, 3000) for index, name in enumerate(FEATURES)}
    return pd.DataFrame({"mjj": rng.normal(3000, 100, 3000), **columns})


columns = hnp.arrays(
    np.float64, st.integers(12, 80), elements=st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3))
).filter(lambda a: np.ptp(a) > 0)


@given(columns)
@settings(max_examples=60, deadline=None)
def test_transform_is_monotone_and_stays_in_the_unit_interval(column):
    unit = QuantileFrontEnd().fit(column[:, None]).transform(np.sort(column)[:, None])[:, 0]
    assert unit.min() == 0.0
    assert unit.max() == 1.0
    assert (np.diff(unit) >= 0).all()


@given(st.integers(0, 2**31), st.sampled_from(["normal", "gamma", "uniform"]), st.integers(20, 500))
@settings(max_examples=40, deadline=None)
def test_inverse_returns_every_fitted_value(seed, shape, n):
    rng = np.random.default_rng(seed)
    draw = {"normal": rng.normal, "gamma": lambda size: rng.gamma(2, size=size), "uniform": rng.uniform}[shape]
    column = draw(size=(n, 1))
    front_end = QuantileFrontEnd().fit(column)
    np.testing.assert_allclose(front_end.inverse_transform(front_end.transform(column)), column, atol=1e-9)


def test_new_events_of_the_same_distribution_become_uniform(table):
    front_end = QuantileFrontEnd().fit(table)
    new = np.random.default_rng(2).gamma(2.0, 1.0, 3000)
    unit = front_end.transform(table.assign(mj1=new))
    assert stats.kstest(unit[:, 0], "uniform").pvalue > 1e-3
    assert unit.std(axis=0) == pytest.approx(np.full(8, 12**-0.5), abs=0.005)


def test_values_beyond_the_fitted_range_map_to_the_ends(table):
    front_end = QuantileFrontEnd(features=["mj1", "mj2"]).fit(table)
    unit = front_end.transform(pd.DataFrame({"mj2": [-5.0, 1e6], "mj1": [1e6, -5.0]}))
    np.testing.assert_array_equal(unit, [[1.0, 0.0], [0.0, 1.0]])
    ends = front_end.inverse_transform([[-3.0, 7.0]])
    np.testing.assert_array_equal(ends, [[table["mj1"].min(), table["mj2"].max()]])


def test_columns_are_taken_by_name_and_the_event_mass_is_not_among_them(table):
    front_end = QuantileFrontEnd().fit(table)
    assert list(front_end.get_feature_names_out()) == list(FEATURES)
    np.testing.assert_array_equal(front_end.transform(table[list(table.columns)[::-1]]), front_end.transform(table))


def test_reloaded_front_end_is_identical(table, tmp_path):
    front_end = QuantileFrontEnd(features=("mj1", "tau21_1"), n_quantiles=77).fit(table)
    path = tmp_path / "front.npz"
    front_end.save(path)
    loaded = QuantileFrontEnd.load(path)
    unit = front_end.transform(table)
    np.testing.assert_array_equal(loaded.transform(table), unit)
    np.testing.assert_array_equal(loaded.inverse_transform(unit), front_end.inverse_transform(unit))
    assert loaded.get_params() == {"features": ["mj1", "tau21_1"], "n_quantiles": 77}
    assert [p.name for p in tmp_path.iterdir()] == ["front.npz"]
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def test_estimator_rules(table):
    front_end = QuantileFrontEnd(n_quantiles=50)
    assert front_end.fit(table) is front_end
    assert clone(front_end).get_params() == front_end.get_params()
    assert not hasattr(clone(front_end), "transformer_")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda t: t.assign(mj2=3.0), "'mj2' is constant"),
        (lambda t: t.assign(tau21_1=np.where(np.arange(len(t)) == 7, np.nan, 1.0)), "'tau21_1' has NaN.*row 7"),
        (lambda t: t.iloc[:5], "5 events are too few"),
        (lambda t: t[["mjj"]], "none of the usual features"),
        (lambda t: t.assign(mj1="heavy"), "not numeric"),
        (lambda t: np.ones(4), "shape"),
    ],
)
def test_bad_input_is_refused_with_the_reason(table, bad, message):
    with pytest.raises(InputError, match=message):
        QuantileFrontEnd().fit(bad(table))


def test_misuse_is_refused(table, tmp_path):
    front_end = QuantileFrontEnd().fit(table)
    with pytest.raises(InputError, match="'mj2' is not a column"):
        front_end.transform(table.drop(columns="mj2"))
    with pytest.raises(InputError, match="shape"):
        front_end.transform(np.ones((3, 2)))
    with pytest.raises(InputError, match="not fitted"):
        QuantileFrontEnd().transform(table)
    with pytest.raises(InputError, match="no such file"):
        QuantileFrontEnd.load(tmp_path / "absent.npz")
    np.savez(tmp_path / "foreign.npz", x=np.ones(3))
    with pytest.raises(InputError, match="not a saved front end"):
        QuantileFrontEnd.load(tmp_path / "foreign.npz")
    with pytest.raises(InputError, match="does not exist"):
        front_end.save(tmp_path / "absent" / "front.npz")


def test_truth_cannot_enter(table):
    with pytest.raises(TruthError):
        QuantileFrontEnd().fit(table.assign(label=1))
    front_end = QuantileFrontEnd().fit(table)
    with pytest.raises(TruthError):
        front_end.transform(table.assign(label=1))
    with pytest.raises(TruthError):
        QuantileFrontEnd(features=["mj1", "label"]).fit(table)
