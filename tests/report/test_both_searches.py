"""The report of a run whose claim is that of the prior-assisted search, which fits no spectrum."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from bumphunt.plots import scan
from bumphunt.report.html import write_report
from bumphunt.results import AnalysisResult, HypothesisScan, Products


def found_by_prior(result: AnalysisResult, products: Products) -> tuple[AnalysisResult, Products]:
    """Return a run whose claim is that of the prior-assisted search, which fits no spectrum."""
    best = products.scan.best_window
    assert best is not None
    claim = dataclasses.replace(best, cut_fraction=0.00102, z_local=9.0, p_local=1e-19, fit=None)
    windows = (*products.scan.windows, claim)
    tried = HypothesisScan(
        low=claim.low, high=claim.high, m_x=np.array([300.0]), m_y=np.array([200.0]), z_local=np.array([[9.0]]),
        best_m_x=300.0, best_m_y=200.0, cut_fraction=claim.cut_fraction, n_observed=claim.n_observed,
        n_expected=claim.n_expected, n_expected_error=claim.n_expected_error, z_best=9.0, n_hypotheses=465,
        null_median=3.2, p_global=1e-15,
    )  # fmt: skip
    found = dataclasses.replace(products.scan, windows=windows, best=len(windows) - 1)
    each = {"cwola": {"z_local": 7.1, "z_global": 6.0}, "prior": {"z_local": 9.0, "z_global": 8.1}}
    answers = dataclasses.replace(
        result.answers, search="prior", per_search=each, calibration={"n": 66, "width": 0.93, "mean": -0.3}
    )
    return (
        dataclasses.replace(result, answers=answers),
        dataclasses.replace(products, scan=found, hypothesis_scans=(tried,)),
    )


def test_what_the_prior_found_is_shown_beside_what_the_other_search_sees(
    factory: Any, tmp_path: Path, page_only: None
) -> None:
    result, products = found_by_prior(factory.result("discovery"), factory.products("discovery"))
    factory.write(tmp_path, "discovery")
    (tmp_path / "result.json").write_text(json.dumps(result.to_dict()), "utf-8")
    (tmp_path / "products.json").write_text(json.dumps(products.to_dict()), "utf-8")
    page = re.sub(r"<[^>]+>", " ", write_report(tmp_path).read_text("utf-8"))
    text = re.sub(r"\s+", " ", page.replace("\u202f", " "))
    for words in (
        "Alone: 8.1 σ by the prior-assisted search and 6.0 σ by the search that learns from the data alone",
        "This is the selection of the search that learns from the data alone, where it sees most",
        "in each window the best of about 465 pairs of daughter masses",
        "uncertainty of the efficiencies in the sidebands",
        "a mean above 0 taken off",
    ):
        assert words in text, words
    for words in ("counted without a fit", "no window could be searched", "fitted curve"):
        assert words not in text, words
    assert products.scan.best_spectrum is not products.scan.best_window
    plain = factory.products("discovery").scan
    assert plain.best_spectrum is plain.best_window


def test_the_scan_has_a_line_of_its_own_for_the_prior(factory: Any) -> None:
    _, products = found_by_prior(factory.result("discovery"), factory.products("discovery"))
    axes = scan(products.scan, prior=products.hypothesis_scans)[1]
    _, texts = axes.get_legend_handles_labels()
    assert "Prior-assisted, best of each" in texts
    assert "0.102 % of the events kept" not in texts
    assert axes.get_ylim()[0] < 1e-19, "its smallest p-value is inside the figure"
    alone = scan(products.scan)[1].get_legend_handles_labels()[1]
    assert "0.102 % of the events kept" in alone
