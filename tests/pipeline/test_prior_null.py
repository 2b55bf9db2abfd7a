"""How the prior-assisted search is calibrated: by whole searches without signal, as it is shipped or repeated."""

import numpy as np
import pytest

from bumphunt.pipeline import prior_null as prior_null_module
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.prior_null import calibrated, not_tested, null_of_searches, prior_null, with_decisive_first


def test_of_repeated_searches_the_kind_counts_that_leaves_less() -> None:
    rng = np.random.default_rng(1)
    wide, shifted = rng.normal(0.0, 1.5, 40), np.append(rng.normal(0.8, 1.0, 30), np.nan)
    null = null_of_searches({"permuted": wide, "smooth": shifted})
    assert null is not None
    assert null.n_searches == 30
    assert [each["n"] for each in null.to_dict()["nulls"]] == [30, 30]
    by_hand = [(6.0 - max(z.mean(), 0.0)) / max(z.std(ddof=1), 1.0) for z in (wide, shifted[:-1])]
    assert calibrated(6.0, null) == pytest.approx(min(by_hand))
    assert by_hand[0] < by_hand[1], "the first kind is the one"
    assert calibrated(1.0, null) == pytest.approx((1.0 - shifted[:-1].mean()) / max(shifted[:-1].std(ddof=1), 1.0))
    for z, first, second in ((6.0, null, null.others[0]), (1.0, null.others[0], null)):
        shown = with_decisive_first(null, z).to_dict()
        assert (shown["width"], shown["mean"]) == (round(first.width, 4), round(first.mean, 4))
        assert [each["width"] for each in shown["nulls"]] == [round(each.width, 4) for each in (first, second)]
    assert null_of_searches({}) is None
    assert null_of_searches({"permuted": wide, "smooth": np.append(shifted[:9], np.nan)}) is None


@pytest.mark.parametrize(
    ("mean", "width", "expected"),
    [(0.0, 1.0, (4.0, -1.0)), (0.2, 1.25, (3.04, -1.0)), (-0.3, 0.8, (4.0, -1.0)), (0.5, 1.0, (3.5, -1.5))],
)
def test_a_null_never_makes_a_significance_larger(mean, width, expected) -> None:
    null = Null(method="m", mean=mean, width=width, n_searches=200)
    assert (calibrated(4.0, null), calibrated(-1.0, null)) == pytest.approx(expected)
    assert (null.to_dict()["mean"], null.to_dict()["width"]) == (mean, width)
    assert null.at(n_window=100, cut_fraction=0.01, n_features=4, repeats=1) == (mean, width)


@pytest.mark.parametrize(("n_searched", "least", "tested"), [(11_000, 20, 1.0), (55_000, 140, 2.0)])
def test_the_shipped_null_is_one_of_whole_searches(n_searched, least, tested) -> None:
    null = prior_null(n_searched)
    assert null.n_searches >= least
    assert abs(null.mean) < 0.5
    assert 0.7 < null.width < 1.3
    assert null.tested_to > tested


def test_the_null_is_that_of_the_nearest_number_of_events(monkeypatch) -> None:
    sizes = [
        {"n_searched": 10_000, "mean": 0.1, "width": 1.1, "n_searches": 60},
        {"n_searched": 40_000, "mean": 0.2, "width": 1.2, "n_searches": 70},
    ]
    monkeypatch.setattr(prior_null_module, "_measured", lambda: {"method": "m", "sizes": sizes})
    # equally far from both is 20,000
    assert [prior_null(n).width for n in (100, 19_000, 21_000, 1_000_000)] == [1.1, 1.1, 1.2, 1.2]
    assert [prior_null(n).n_searches for n in (19_000, 21_000)] == [60, 70]


@pytest.mark.parametrize(
    ("n_searched", "said"),
    [(53_000, None), (11_000, None), (25_000, None), (400_000, "rests on permutations"), (5_100, "here 5100 are")],
)
def test_it_says_where_it_was_not_tested(n_searched, said) -> None:
    sentences = not_tested(n_searched)
    assert len(sentences) == (said is not None)
    assert said is None or said in sentences[0]
