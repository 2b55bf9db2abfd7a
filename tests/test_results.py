"""Results to JSON and back, and numbers rounded the way the Particle Data Group does."""

import dataclasses
import importlib
import json
import math
import re
import typing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.results import Answers, Check, Interval, MassFit, Projection, Result, ScanResult, WindowResult, pdg_round
from bumphunt.results.html import answers_html
from bumphunt.significance.scan import combine_windows, window_significance
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.spectrum import as_spectrum

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(value=finite, low=finite, high=finite)
def test_an_interval_survives_json(value, low, high):
    interval = Interval(value=value, low=low, high=high)
    back = Interval.from_dict(json.loads(json.dumps(interval.to_dict())))
    assert (back.value, back.low, back.high) == (value, low, high)


ANSWERS = Answers(
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


def scan():
    edges = mass_grid(3000, 5000, ratio=1.05)
    counts = np.round(5e3 * (edges[:-1] / 3000) ** -7.0)
    windows = []
    for first in (3, 5):
        masked = np.zeros(len(counts), dtype=bool)
        masked[first : first + 2] = True
        windows.append(window_significance(as_spectrum(counts, edges, masked=masked), family="dijet3"))
    # one that could not be searched: NaN in it, and no fit
    windows.append(
        window_significance(
            as_spectrum(counts[:4], edges[:5], masked=np.array([False, True, True, False])), family="dijet3"
        )
    )
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
    with pytest.raises(TypeError, match="Interval has the unknown key 'width'"):
        Interval.from_dict({**data, "width": 3.0})
    with pytest.raises(TypeError, match=r"Interval\.high is missing"):
        Interval.from_dict({"value": 1.0, "low": 0.0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variable": 3}, "Projection.variable is 3, not str"),
        ({"counts": "many"}, "Projection.counts is 'many', not list"),
        ({"counts": [[1.0], 2.0]}, "Projection.counts is not an array of numbers"),
        ({"counts": ["a"]}, "Projection.counts is not an array of numbers"),
    ],
)
def test_a_value_of_another_type_is_an_error_that_names_the_field(change, message):
    array = np.arange(2.0)
    data = Projection(variable="mjj", edges=array, counts=array, signal=array, background=array).to_dict()
    with pytest.raises(TypeError, match=re.escape(message)):
        Projection.from_dict({**data, **change})


def test_an_error_deep_inside_says_where():
    data = scan().to_dict()
    data["windows"][1]["n_observed"] = "seven"
    with pytest.raises(TypeError, match=re.escape("ScanResult.windows[1]: WindowResult.n_observed is 'seven'")):
        ScanResult.from_dict(data)


def results(kind=Result):
    """Return the class of every result of the package."""
    for name in ("calibration.summary", "generation.latent", "generation.closeness", "scores.quality",
                 "scores.importance", "significance.limits", "significance.bumphunter"):  # fmt: skip
        importlib.import_module(f"bumphunt.{name}")
    return {child for direct in kind.__subclasses__() for child in (direct, *results(direct))}


def test_every_result_has_the_short_representation():
    assert len(results()) > 25
    assert {kind for kind in results() if kind.__repr__ is not Result.__repr__} == set()
    found = scan()
    assert len(repr(found)) < 600
    assert repr(found).startswith("ScanResult(windows=<3 WindowResult>, best=")
    assert len(str(found)) < 600
    huge = ScanResult.from_dict({**found.to_dict(), "p_global_method": "x" * 9999})
    assert len(repr(huge)) < 600


def test_values_and_errors_are_rounded_together_and_html_is_escaped():
    odd = ScanResult.from_dict({**scan().to_dict(), "p_global_method": "<script>"})
    assert "<script>" not in odd._repr_html_()
    assert "&lt;script&gt;" in odd._repr_html_()
    window = dataclasses.replace(scan().windows[0], n_expected=1234.5678, n_expected_error=12.3)
    assert "1235 ± 12" in str(window)
    assert "n_expected_error" not in str(window)


def test_the_answers_are_shown_with_a_small_spectrum():
    found = scan()
    assert Result._repr_html_(found) != answers_html(ANSWERS)
    page = answers_html(ANSWERS, found.best_window.fit)
    assert page.count("<circle") == int((found.best_window.fit.counts > 0).sum())
    assert page.count("<rect") == int(found.best_window.fit.masked.sum())
    assert "none to give" in ANSWERS._repr_html_()
    assert "<svg" not in ANSWERS._repr_html_()
    empty = dataclasses.replace(
        found.best_window.fit, counts=np.zeros_like(found.best_window.fit.counts),
        expected=np.zeros_like(found.best_window.fit.counts),
    )  # fmt: skip
    assert "<svg" not in answers_html(ANSWERS, empty)


def test_what_is_known_beyond_the_first_version_is_printed():
    assert "calibrated" not in str(ANSWERS)
    full = dataclasses.replace(
        ANSWERS, z_global=6.1, tested_to=3.2, z_spread=0.4, z_stat=6.6, search="prior", masses_verified=False,
        per_search={"cwola": {"z_local": 2.0, "z_global": 1.1}, "prior": {"z_local": 7.0, "z_global": 6.1}},
        assumptions=("each daughter gives one jet",),
    )  # fmt: skip
    text = str(full)
    for words in (
        "calibrated to 3.2 sigma; beyond by extrapolation",
        "varies by 0.40 sigma",
        "6.60 sigma with stat",
        "prior: 7.00 sigma local, 6.10 sigma global (the claim)",
        "NOT VERIFIED",
        "each daughter gives",
    ):
        assert words in text
    assert "extrapolation" not in str(dataclasses.replace(full, z_global=3.0))
    assert Answers.from_dict(json.loads(json.dumps(full.to_dict()))).to_dict() == full.to_dict()
    old = {name: value for name, value in ANSWERS.to_dict().items() if name in list(ANSWERS.to_dict())[:15]}
    assert Answers.from_dict(old).to_dict() == ANSWERS.to_dict()


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        Interval(value=1.0, low=0.0, high=2.0).value = 3.0
    with pytest.raises(TypeError):
        Interval(1.0, 0.0, 2.0)


def test_no_mass_is_ever_made_up():
    back = Answers.from_dict(json.loads(json.dumps(ANSWERS.to_dict())))
    assert back.m_resonance is None
    assert back.m_x is None
    assert str(ANSWERS).count("not given") == 4


def test_the_window_keeps_all_else_when_it_gets_its_second_estimate():
    window = scan().windows[0]
    with_direct = window.with_direct(12.0, 3.0)
    assert isinstance(with_direct, WindowResult)
    assert (with_direct.n_direct, with_direct.n_direct_error) == (12.0, 3.0)
    assert with_direct.p_local == window.p_local


def test_the_spread_is_the_standard_deviation_over_repeats():
    window = scan().windows[0]
    assert dataclasses.replace(window, z_repeats=np.array([1.0, 2.0, 3.0])).z_spread == pytest.approx(1.0)
    assert math.isnan(dataclasses.replace(window, z_repeats=np.array([1.0])).z_spread)


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


def test_an_interval_tells_its_parts_apart_where_that_says_something():
    found = Interval(value=3880.0, low=3830.0, high=3930.0, stat_low=3869.0, stat_high=3891.0)
    assert found.in_parts() == "3880 ± 11 (stat) ± 49 (scale)"
    assert (found.stat, round(found.scale, 2)) == (11.0, round(float(np.hypot(50, 0) ** 2 - 121) ** 0.5, 2))
    reversed_parts = Interval(value=930.0, low=830.0, high=1030.0, stat_low=840.0, stat_high=1020.0)
    assert reversed_parts.in_parts("efficiency") == "930 ± 90 (stat) ± 40 (efficiency)"
    assert Interval(value=100.0, low=90.0, high=110.0, stat_low=90.1, stat_high=109.9).in_parts() == "100 ± 10"
    assert Interval(value=100.0, low=90.0, high=110.0).in_parts() == "100 ± 10"
    moved = dataclasses.replace(found, stat_low=3860.0, stat_high=3900.0)
    assert moved.stat == 20.0
    assert Interval.from_dict(found.to_dict()).scale == found.scale


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


def test_arrays_are_known_by_a_type_alias_as_numpy_2_5_has_it():
    extensions = pytest.importorskip("typing_extensions")
    from bumphunt.results.codec import _rebuild

    kind = typing.TypeVar("kind", bound=np.generic)
    alias = extensions.TypeAliasType("NDArray", np.ndarray[tuple[typing.Any, ...], np.dtype[kind]], type_params=(kind,))
    found = _rebuild("z", alias[np.float64], [1, None])
    assert found.dtype == np.float64
    assert np.isnan(found[1])
