"""Results to JSON and back, and numbers rounded the way the Particle Data Group does."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.results import Answers, Check, Interval, MassFit, Projection, ScanResult, WindowResult, pdg_round
from bumphunt.significance.scan import combine_windows, window_significance
from bumphunt.spectrum.binning import mass_grid

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(value=finite, low=finite, high=finite)
def test_an_interval_survives_json(value, low, high):
    interval = Interval(value=value, low=low, high=high)
    back = Interval.from_dict(json.loads(json.dumps(interval.to_dict())))
    assert (back.value, back.low, back.high) == (value, low, high)


def scan():
    edges = mass_grid(3000, 5000, ratio=1.05)
    counts = np.round(5e3 * (edges[:-1] / 3000) ** -7.0)
    windows = []
    for first in (3, 5):
        masked = np.zeros(len(counts), dtype=bool)
        masked[first : first + 2] = True
        windows.append(window_significance(counts, edges, masked, family="dijet3"))
    # one that could not be searched: NaN in it, and no fit
    windows.append(window_significance(counts[:4], edges[:5], np.array([False, True, True, False]), family="dijet3"))
    return combine_windows(windows, searched_low=3000.0, searched_high=5000.0)


def assert_same(first, second):
    """Compare results field by field, NaN equal to NaN and None."""
    assert type(first) is type(second)
    for name in type(first).__dataclass_fields__:
        a, b = getattr(first, name), getattr(second, name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
        elif isinstance(a, tuple) and a and hasattr(a[0], "to_dict"):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                assert_same(x, y)
        elif hasattr(a, "to_dict"):
            assert_same(a, b)
        elif isinstance(a, float) and math.isnan(a):
            assert math.isnan(b), name
        else:
            assert a == b, name
            assert type(a) is type(b), name


def test_a_whole_scan_survives_json_to_the_last_bit():
    before = scan()
    text = json.dumps(before.to_dict(), allow_nan=False)
    after = ScanResult.from_dict(json.loads(text))
    assert_same(before, after)
    assert json.dumps(after.to_dict()) == text
    assert before.windows[2].note
    assert math.isnan(after.windows[2].n_expected)
    assert after.windows[2].fit is None
    assert after.best_window.fit.masked.dtype == bool


def test_infinity_becomes_null_and_arrays_with_nan_come_back():
    projection = Projection(
        variable="mjj",
        edges=np.array([0.0, np.inf]),
        counts=np.array([np.nan]),
        signal=np.array([1.0]),
        background=np.array([]),
    )
    data = projection.to_dict()
    assert data["edges"] == [0.0, None]
    back = Projection.from_dict(json.loads(json.dumps(data, allow_nan=False)))
    assert math.isnan(back.edges[1])
    assert math.isnan(back.counts[0])
    assert back.background.shape == (0,)


def test_numpy_scalars_become_plain_numbers():
    check = Check(name="a", passed=np.bool_(True), value=np.float64(0.25), threshold=np.float32(0.5), meaning="b")
    assert json.loads(json.dumps(check.to_dict())) == {
        "name": "a",
        "passed": True,
        "value": 0.25,
        "threshold": 0.5,
        "meaning": "b",
        "applies_to": "excess",
    }


def test_unknown_and_missing_keys_are_errors():
    data = Interval(value=1.0, low=0.0, high=2.0).to_dict()
    with pytest.raises((TypeError, KeyError)):
        Interval.from_dict({**data, "width": 3.0})
    with pytest.raises(TypeError):
        Interval.from_dict({"value": 1.0, "low": 0.0})


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        Interval(value=1.0, low=0.0, high=2.0).value = 3.0
    with pytest.raises(TypeError):
        Interval(1.0, 0.0, 2.0)


def test_no_mass_is_ever_made_up():
    nothing = Answers(
        status="none",
        discovery=False,
        p_local=0.1,
        z_local=1.28,
        p_global=0.7,
        z_global=-0.5,
        p_global_method="",
        n_toys=0,
        n_trials=12,
        is_bound=True,
        m_resonance=None,
        m_x=None,
        m_y=None,
        n_signal=None,
        upper_limit=None,
    )
    back = Answers.from_dict(json.loads(json.dumps(nothing.to_dict())))
    assert back.m_resonance is None
    assert back.m_x is None
    assert str(nothing).count("not given") == 4


def test_the_window_keeps_all_else_when_it_gets_its_folds():
    window = scan().windows[0]
    with_folds = window.with_folds(np.array([1.0, 2.0]))
    assert isinstance(with_folds, WindowResult)
    assert with_folds.z_folds.tolist() == [1.0, 2.0]
    assert with_folds.p_local == window.p_local


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        # the examples of the PDG's own introduction, section 5.3
        (0.827, 0.119, ("0.83", "0.12")),
        (0.827, 0.367, ("0.8", "0.4")),
        (0.827, 0.0355, ("0.83", "0.04")),
        (0.827, 0.03549, ("0.83", "0.04")),
        (1.0, 0.0354, ("1.000", "0.035")),
        (1.0, 0.949, ("1.0", "0.9")),
        (1.0, 0.950, ("1.0", "1.0")),
        (1.0, 0.999, ("1.0", "1.0")),
        (123456.0, 789.0, ("123500", "800")),
        (123456.0, 123.0, ("123460", "120")),
        (-5.04, 0.1, ("-5.04", "0.10")),
        (0.0, 35.5, ("0", "40")),
        (3.0, 9.6, ("3", "10")),
        (3.0, 96.0, ("0", "100")),
    ],
)
def test_rounding_of_the_particle_data_group(value, error, expected):
    assert pdg_round(value, error) == expected


@given(value=st.floats(-1e6, 1e6), error=st.floats(1e-4, 1e5))
def test_rounding_is_never_off_by_more_than_its_place(value, error):
    text, rounded = (float(part) for part in pdg_round(value, error))
    assert abs(rounded - error) <= 0.16 * error
    assert abs(text - value) <= 0.56 * error


def test_an_interval_shows_both_errors_only_where_they_differ():
    assert str(Interval(value=3498.4, low=3486.4, high=3510.9)) == "3498 ± 12"
    assert str(Interval(value=100.0, low=90.0, high=130.0)) == "100 +30 -10"


def test_a_mass_fit_survives_json():
    interval = Interval(value=1.0, low=0.5, high=1.5)
    fit = MassFit(
        m_resonance=interval,
        m_x=interval,
        m_y=interval,
        n_selected=interval,
        n_signal=interval,
        efficiency=0.3,
        efficiency_error=0.1,
        statistical=np.array([1.0, 2.0, 3.0]),
        correlation=np.eye(4),
        projections=(
            Projection(
                variable="mj1", edges=np.arange(3.0), counts=np.ones(2), signal=np.ones(2), background=np.ones(2)
            ),
        ),
        n_events=12,
        p_value=0.4,
    )
    assert_same(fit, MassFit.from_dict(json.loads(json.dumps(fit.to_dict()))))
