"""How significances are calibrated: by what was measured nearby, or by hand, and how far it was tested."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.pipeline.null import Null, NullPoint, shipped_surface, training_settings
from bumphunt.results import WindowResult
from bumphunt.statistics import p_from_z, z_from_p


def point(*, n_window=10_000.0, cut_fraction=0.01, n_features=4, repeats=32, mean=-0.1, width=1.3, error=0.05):
    return NullPoint(
        n_window=n_window, cut_fraction=cut_fraction, n_features=n_features, repeats=repeats, mean=mean,
        mean_error=error, width=width, width_error=error, n_boxes=20,
    )  # fmt: skip


def result(**changes):
    found = WindowResult(
        low=3300.0, high=3700.0, cut_fraction=0.01, n_window=10_000, n_observed=150, n_expected=100.0,
        n_expected_error=5.0, z_local=4.0, p_local=p_from_z(4.0), leakage=0.5, leakage_error=0.0, sideband_p_value=0.5,
        fit=None, note="", z_stat=4.3,
    )  # fmt: skip
    return replace(found, **changes)


NULL = Null(
    method="for the test",
    points=(
        point(),
        point(cut_fraction=0.002, width=1.1),
        point(n_window=500.0, width=1.5),
        point(n_features=8, width=2),
    ),
    n_searches=199,
)


def test_what_was_measured_here_counts_most():
    at = NULL.at(n_window=10_000, cut_fraction=0.01, n_features=4, repeats=32)
    assert at == pytest.approx((-0.1, 1.3), abs=0.1)
    assert NULL.at(n_window=10_000, cut_fraction=0.002, n_features=4, repeats=32)[1] < at[1]
    assert NULL.at(n_window=300, cut_fraction=0.01, n_features=4, repeats=32)[1] > at[1]


def test_a_precise_point_counts_more_than_an_imprecise_one():
    precise = Null(method="m", points=(point(width=1.2, error=0.01), point(width=1.6, error=0.2)))
    assert precise.at(n_window=10_000, cut_fraction=0.01, n_features=4, repeats=32)[1] == pytest.approx(1.2, abs=0.01)


def test_a_result_is_shifted_and_divided():
    exact = Null(method="m", points=(point(mean=0.3, width=2.0),))
    found = exact.applied(result(), n_features=4, repeats=32)
    assert found.z_stat == pytest.approx(2.0)
    assert found.z_local == pytest.approx(1.85)
    assert z_from_p(found.p_local) == pytest.approx(1.85)
    assert exact.applied(result(note="not searched"), n_features=4, repeats=32).z_local == 4.0


def test_before_any_cut_no_score_was_seen():
    assert NULL.at(n_window=10_000, cut_fraction=1.0, n_features=4, repeats=32) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({}, True),
        ({"n_window": 14_000}, True),
        ({"n_window": 16_000}, False),
        ({"n_window": 300}, False),
        ({"cut_fraction": 0.05}, False),
        ({"n_features": 5}, False),
        ({"repeats": 1}, False),
        ({"cut_fraction": 1.0}, True),
    ],
)
def test_it_says_where_it_was_not_measured(changes, inside):
    asked = {"n_window": 10_000, "cut_fraction": 0.01, "n_features": 4, "repeats": 32, **changes}
    assert NULL.inside(**asked) is inside


def test_how_far_it_was_tested():
    assert NULL.tested_to == pytest.approx(z_from_p(3 / 200))
    assert Null(method="m").tested_to == pytest.approx(0.0)
    assert np.isclose(Null(method="m", n_searches=999).tested_to, 2.748, atol=1e-3)


def test_it_names_settings_of_the_training_that_it_was_not_measured_with():
    shipped, usual = shipped_surface(), AnalysisConfig().cwola
    assert shipped.unlike(usual) == ()
    assert shipped.unlike(usual.model_copy(update={"learning_rate": 0.1, "features": ["mj1"], "repeats": 4})) == ()
    other = usual.model_copy(update={"folds": 5, "max_iter": 60})
    assert shipped.unlike(other) == ("cwola.folds: 5", "cwola.max_iter: 60")
    assert Null(method="by hand", width=1.1).unlike(other) == ()
    both = Null(method="m", points=(point(), replace(point(), folds=5)))
    assert both.unlike(other) == (), "its settings are those of the search itself"


def test_the_shipped_surface_says_what_it_was_measured_with():
    """20 thousand to a million events, two and three folds, four and eight features, one, two, eight and 32 repeats."""
    shipped, usual = shipped_surface(), AnalysisConfig().cwola
    at = {"cut_fraction": 0.01, "repeats": 32, "folds": 3, "n_features": 4, "n_window": 3_000}
    measured = [
        {"n_window": 400},
        {"n_window": 13_000},
        {"n_features": 8},
        {"folds": 2},
        {"repeats": 1},
        {"repeats": 2},
        {"repeats": 8},
    ]
    assert [shipped.inside(**{**at, **here}, share=0.1) for here in measured] == [True] * 7
    other = [{"n_window": 400_000}, {"n_features": 5}, {"folds": 5}, {"repeats": 16}, {"n_features": 8, "folds": 2}]
    assert [shipped.inside(**{**at, **here}) for here in other] == [False] * 5
    assert [shipped.inside(**at, share=share) for share in (0.001, 0.9)] == [False, False]
    assert shipped.unlike(usual.model_copy(update={"folds": 2})) == ()
    assert min(point.n_boxes for point in shipped.points) >= 10


def test_folds_are_an_axis_where_they_were_measured():
    null = Null(method="m", points=(point(width=1.2), replace(point(width=1.8), folds=2)))
    here = {"n_window": 10_000.0, "cut_fraction": 0.01, "n_features": 4, "repeats": 32}
    three, two = (null.at(**here, folds=folds)[1] for folds in (3, 2))
    assert three < 1.5 < two
    assert null.inside(**here, folds=2)
    assert not null.inside(**here, folds=5)
    alone = Null(method="m", points=(point(), replace(point(n_window=5e4), folds=2)))
    assert not alone.inside(**here, folds=2)
    assert alone.inside(**here)


def test_the_place_in_the_spectrum_is_an_axis_where_it_was_measured():
    """Windows that hold a larger share of the searched events lie lower; without a share nothing changes."""
    low, high = replace(point(mean=0.4), share=0.3), replace(point(mean=-0.4), share=0.03)
    null, here = Null(method="m", points=(low, high)), {"cut_fraction": 0.01, "n_features": 4, "repeats": 32}
    assert null.at(**here, n_window=10_000, share=0.3)[0] == pytest.approx(0.4, abs=0.01)
    assert null.at(**here, n_window=10_000, share=0.03)[0] == pytest.approx(-0.4, abs=0.01)
    assert null.at(**here, n_window=10_000)[0] == pytest.approx(0.0, abs=0.01)
    partly = Null(method="m", points=(low, point(mean=-0.4)))
    assert partly.at(**here, n_window=10_000, share=0.3)[0] == pytest.approx(0.0, abs=0.01)
    assert [null.inside(**here, n_window=10_000, share=share) for share in (0.44, 0.46, 0.021, 0.019)] == [
        True, False, True, False,
    ]  # fmt: skip
    found = null.applied(result(), n_features=4, repeats=32, n_searched=10_000 / 0.3)
    assert found.z_stat == pytest.approx((4.3 - 0.4) / 1.3, abs=0.01)


def at(**changes):
    given = {"n_window": 900.0, "cut_fraction": 0.01, "n_features": 4, "repeats": 8, "folds": 2, **changes}
    return NullPoint(**given, mean=0.1, mean_error=0.1, width=1.5, width_error=0.1, n_boxes=9)


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({}, True),
        ({"n_window": 600.0}, True),
        ({"n_window": 599.0}, False),
        ({"n_window": 2_700.0}, True),
        ({"n_window": 2_701.0}, False),
        ({"cut_fraction": 0.0149}, True),
        ({"cut_fraction": 0.0067}, True),
        ({"cut_fraction": 0.0151}, False),
        ({"cut_fraction": 0.0066}, False),
        ({"n_features": 5}, False),
        ({"repeats": 9}, False),
        ({"folds": 3}, False),
        ({"folds": None}, True),
        ({"cut_fraction": 1.0, "n_features": 9}, True),
    ],
)
def test_a_null_was_measured_within_a_factor_of_one_and_a_half(changes, inside):
    null = Null(method="m", points=(at(), at(n_window=1_800.0), at(n_window=90_000.0, n_features=7)))
    here = {"n_window": 1_000.0, "cut_fraction": 0.01, "n_features": 4, "repeats": 8, "folds": 2}
    assert null.inside(**{**here, **changes}) is inside
    assert Null(method="by hand").inside(**here)
    # a point that does not name its folds has three
    unnamed = NullPoint(
        n_window=1_000.0, cut_fraction=0.01, n_features=4, repeats=8, mean=0.0, mean_error=1.0, width=1.0,
        width_error=1.0, n_boxes=9,
    )  # fmt: skip
    assert [Null(method="m", points=(unnamed,)).inside(**{**here, "folds": folds}) for folds in (2, 3)] == [False, True]


def test_a_null_says_how_far_it_was_tested_and_with_which_training():
    assert Null(method="m", n_searches=299).tested_to == pytest.approx(z_from_p(0.01))
    assert Null(method="m", n_searches=1).tested_to == pytest.approx(0.0)
    cwola = config_from_dict({"cwola": {"folds": 2}}).cwola
    settings = training_settings(cwola)
    assert {"features", "folds", "repeats"}.isdisjoint(settings)
    assert settings["learning_rate"] == 0.1, "left to the default it is that of the trees"
    assert settings["min_samples_leaf"] is None
    same = Null(method="m", points=(at(),), settings=settings)
    assert same.unlike(cwola) == ()
    assert Null(method="m", settings={"max_iter": 1}).unlike(cwola) == ()
    other = config_from_dict({"cwola": {"folds": 5, "max_iter": 7, "learning_rate": 0.2}}).cwola
    assert same.unlike(other) == ("cwola.folds: 5", "cwola.learning_rate: 0.2", "cwola.max_iter: 7")


def test_the_wider_of_several_nulls_is_shown():
    one, two = Null(method="one", mean=0.1, width=1.2, n_searches=5), Null(method="two", width=1.4, n_searches=6)
    said = {"method": "one", "n": 5, "width": 1.2, "mean": 0.1}
    assert one.to_dict() == said
    both = one.beside(two).to_dict()
    assert both["method"] == "one; two; the larger p-value counts"
    assert (both["width"], both["n"], both["nulls"]) == (1.2, 5, [said, two.to_dict()])
    measured = Null(method="surface", points=(at(), at(n_window=5.0)), n_searches=9).beside(two).to_dict()
    assert (measured["width"], measured["mean"]) == (1.5, 0.1)
    assert Null(method="surface", points=(at(),)).beside(Null(method="wide", width=1.6)).to_dict()["width"] == 1.6
