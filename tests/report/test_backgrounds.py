"""The backgrounds in the report of a real run: both estimates, their difference, and what another form would expect."""

import json
import re
from typing import Any

import pytest

import bumphunt
from bumphunt.report.figures import Picture
from bumphunt.report.html import absences, render
from bumphunt.report.systematics import sources_table
from bumphunt.results import AnalysisResult, Products

LIGHT = {
    "searches": ["cwola"],
    "cwola": {"folds": 2, "repeats": 2, "members": 1, "max_iter": 15},
    "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}

pytestmark = pytest.mark.usefixtures("one_decay")


@pytest.fixture(scope="module")
def stored(make_events: Any) -> tuple[AnalysisResult, Products]:
    """Return what a run with signal leaves behind, through its files."""
    found = bumphunt.hunt(make_events(6_000, signal=250, seed=2, label=False), config=LIGHT, seed=7)
    both = (json.loads(json.dumps(each.to_dict())) for each in (found.result, found.products))
    result, products = both
    return AnalysisResult.from_dict(result), Products.from_dict(products)


def test_both_estimates_their_difference_and_the_other_form_are_in_the_page(
    stored: tuple[AnalysisResult, Products],
) -> None:
    result, products = stored
    window = products.scan.best_window
    assert window is not None
    missing = absences(result, products)
    names = ("spectrum_before", "spectrum_after", "scan", "jet_plane", "peak_scan", "mass_fit")
    pictures = {
        name: Picture(name=name, caption="", description=name, svg="<svg></svg>")
        for name in names
        if name not in missing
    }
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", render(result, products, pictures))).replace("−", "-")
    assert window.n_form > window.n_expected, "in this box another form expects more"
    for words in (
        f"{window.n_form:.1f} expected with {window.form_family}",
        f"+{window.n_form - window.n_expected:.1f} events: the largest of the forms",
        f"{window.n_direct - window.n_expected:+.1f} events, {window.estimates_pull:.2g} standard deviations",
    ):
        assert words in text, words


def test_a_form_that_expects_no_more_is_said(stored: tuple[AnalysisResult, Products]) -> None:
    result, products = stored
    window = products.scan.best_window
    assert window is not None
    again = window.from_dict({**window.to_dict(), "n_form": window.n_expected})
    scan = products.scan.from_dict({**products.scan.to_dict(), "windows": [again.to_dict()], "best": 0})
    table = sources_table(result.answers, products.from_dict({**products.to_dict(), "scan": scan.to_dict()}))
    assert table is not None
    (row,) = [row for row in table.rows if row[0] == "Form of the background"]
    assert "nothing is taken off" in row[2]
