"""Each figure: labels with units, what it shows, and what it leaves alone."""

import dataclasses
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bumphunt.plots.cross_checks import cross_checks
from bumphunt.plots.limits import limit
from bumphunt.plots.mass_fit import mass_fit
from bumphunt.plots.peak_scan import peak_scan
from bumphunt.plots.plane import jet_plane
from bumphunt.plots.scan import scan
from bumphunt.plots.spectrum import spectrum
from bumphunt.plots.style import GREEN, save
from bumphunt.plots.training import training
from bumphunt.results import ScanResult

DRAWINGS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    # name: how it is drawn, its lowest x label, its first y label
    "inclusive": (lambda p: spectrum(p.inclusive), "[GeV]", "GeV)"),
    "selected": (lambda p: spectrum(p.scan.best_window.fit), "[GeV]", "GeV)"),
    "scan": (lambda p: scan(p.scan), "[GeV]", "p-value"),
    "plane": (lambda p: jet_plane(p.plane, mass_fit=p.mass_fit), "[GeV]", "[GeV]"),
    "peak_scan": (lambda p: peak_scan(p.peak_scan, mass_fit=p.mass_fit), "events taken", "[GeV]"),
    "mass_fit": (lambda p: mass_fit(p.mass_fit), "[GeV]", "Events /"),
    "limit": (lambda p: limit(p.limit), "[events]", ""),
    "training": (lambda p: training(p.training), "Epoch", "[dimensionless]"),
    "cross_checks": (lambda p: cross_checks(p.cross_checks, reference=p.scan.best_window), "[σ]", ""),
}


@pytest.fixture(scope="module")
def found(products: Any) -> Any:
    """Return the products of a discovery."""
    return products("discovery")


@pytest.mark.parametrize("name", DRAWINGS)
def test_labels_carry_units_and_settings_stay(name: str, found: Any) -> None:
    draw, x_label, y_label = DRAWINGS[name]
    before = dict(matplotlib.rcParams)
    figure, axes = draw(found)
    assert isinstance(figure, Figure)
    assert isinstance(axes, tuple)
    assert any(x_label in ax.get_xlabel() for ax in axes)
    assert y_label in axes[0].get_ylabel()
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_loaded() -> None:
    modules = ["spectrum", "scan", "plane", "peak_scan", "mass_fit", "limits", "training", "cross_checks"]
    code = "import sys, importlib\n" + "".join(f"importlib.import_module('bumphunt.plots.{m}')\n" for m in modules)
    code += "from bumphunt.plots.style import style\nwith style(): pass\n"
    loaded = ("matplotlib.pyplot", "scipy", "pandas", "tensorflow", "sklearn")
    code += f"sys.exit(', '.join(m for m in {loaded!r} if m in sys.modules) or 0)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_saved_twice_is_the_same_and_carries_no_date(found: Any, tmp_path: Any) -> None:
    first = save(spectrum(found.inclusive)[0], tmp_path / "a" / "v1.2")
    second = save(spectrum(found.inclusive)[0], tmp_path / "b" / "v1.2")
    assert [p.name for p in first] == ["v1.2.pdf", "v1.2.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert b"Date" not in one.read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["v1.2.pdf", "v1.2.png"]


def test_a_user_s_settings_do_not_reach_the_figure(found: Any, tmp_path: Any) -> None:
    plain = save(training(found.training)[0], tmp_path / "plain")[1].read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "font.family": ["No Such Font"]}):
        odd = save(training(found.training)[0], tmp_path / "odd")[1].read_bytes()
    assert odd == plain


def test_spectrum_draws_every_event_and_the_window(found: Any) -> None:
    fit = found.inclusive
    _, (upper, lower) = spectrum(fit)
    labels = " ".join(upper.get_legend_handles_labels()[1]).replace("\u2009", "")
    assert f"{fit.counts.sum():.0f} events" in labels
    assert f"{fit.counts[fit.window].sum():.0f} observed" in labels
    assert sum(np.size(line.get_xdata()) for line in lower.get_lines() if line.get_marker() == "o") == len(fit.counts)
    unmasked = dataclasses.replace(fit, masked=np.zeros_like(fit.masked), window=np.zeros_like(fit.masked))
    assert "Window" not in " ".join(spectrum(unmasked)[1][0].get_legend_handles_labels()[1])


def test_spectrum_of_no_events_can_be_drawn(found: Any) -> None:
    fit = dataclasses.replace(found.inclusive, counts=np.zeros_like(found.inclusive.counts))
    figure, _ = spectrum(fit)
    figure.canvas.draw()


def test_scan_has_one_line_a_cut_with_gaps(found: Any) -> None:
    _, (axes,) = scan(found.scan)
    labels = axes.get_legend_handles_labels()[1]
    assert sum("kept" in text for text in labels) == len({w.cut_fraction for w in found.scan.windows})
    assert any(text.startswith("Global: p ≤") for text in labels)
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()])
    skipped = sum(w.note != "" for w in found.scan.windows)
    assert skipped > 0
    assert np.isnan(drawn).sum() == skipped
    assert axes.get_ylim()[0] < found.scan.p_local


def test_scan_survives_nothing_searched_and_vanishing_p_values(found: Any) -> None:
    nothing = ScanResult(
        windows=(), best=None, searched_low=0.0, searched_high=0.0, p_local=math.nan, z_local=math.nan,
        p_global=math.nan, z_global=math.nan, p_global_method="none", n_trials=0, n_toys=0, is_bound=False,
    )  # fmt: skip
    scan(nothing)[0].canvas.draw()
    sure = dataclasses.replace(found.scan.best_window, p_local=0.0, z_local=41.0)
    _, (axes,) = scan(dataclasses.replace(found.scan, windows=(sure,), best=0, p_global=0.0, z_global=40.0))
    assert axes.get_ylim()[0] > 0


def test_truth_is_drawn_only_when_passed(found: Any) -> None:
    def green(axes: Any) -> int:
        return sum(to_hex(line.get_color()) == GREEN.lower() for ax in axes for line in ax.get_lines())

    assert green(peak_scan(found.peak_scan, mass_fit=found.mass_fit)[1]) == 0
    assert green(peak_scan(found.peak_scan, truth={"mj1": 732.0})[1]) == 2


def test_peak_scan_shows_the_interval_of_the_mass_fit(found: Any) -> None:
    _, axes = peak_scan(found.peak_scan, mass_fit=found.mass_fit)
    drawn: Any = axes[4].containers[1].get_children()[-1]
    bar = drawn.get_segments()[0][:, 1]
    assert sorted(bar) == pytest.approx([found.mass_fit.m_x.low, found.mass_fit.m_x.high])


def test_names_from_outside_are_not_formulas(found: Any) -> None:
    odd = dataclasses.replace(found.cross_checks[0], name="a$b^c$ {", z_local=math.nan)
    figure, (axes,) = cross_checks([odd])
    figure.canvas.draw()
    assert "no number" in [text.get_text() for text in axes.texts]


def test_limit_shows_observed_and_expected(found: Any) -> None:
    _, (axes,) = limit(found.limit)
    patches: Any = axes.patches
    bars = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in patches)
    expected = found.limit.expected
    assert bars[0] == pytest.approx((expected[0], expected[4]))
    assert bars[1] == pytest.approx((expected[1], expected[3]))
