"""Each figure: labels with units, what it shows, and what it leaves alone."""

import dataclasses
import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bumphunt.errors import InputError
from bumphunt.plots import (
    cross_checks,
    hypothesis_map,
    limit,
    limits,
    mass_fit,
    null_rates,
    peak_scan,
    plane,
    pulls,
    scan,
    spectrum,
    training,
)
from bumphunt.plots.marks import draw_pulls, poisson_errors, tail_probability
from bumphunt.plots.spectra import fitted_signal
from bumphunt.plots.style import GREEN, style
from bumphunt.report.figure_files import save
from bumphunt.results import HypothesisMap, LimitCurve, ScanResult

MASSES = np.linspace(3000.0, 4000.0, 6)
CURVE = LimitCurve(
    mass=MASSES,
    observed=np.array([50.0, 40.0, 60.0, 30.0, 20.0, 15.0]),
    expected=np.outer(np.linspace(48.0, 16.0, 6), [0.5, 0.7, 1.0, 1.4, 1.9]),
    theory=np.linspace(90.0, 5.0, 6),
    theory_name="A model with $5",
)
GRID = np.arange(100.0, 700.0, 100.0)
Z = 4.0 * np.exp(-0.5 * ((GRID[None, :] - 500.0) ** 2 + (GRID[:4, None] - 200.0) ** 2) / 150.0**2)
Z[0, 0] = np.nan
MAP = HypothesisMap(m_x=GRID, m_y=GRID[:4], z_local=Z, p_local=np.vectorize(tail_probability)(Z), m_resonance=3500.0)
DRAWINGS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    # name: how it is drawn, its lowest x label, its first y label
    "inclusive": (lambda p: spectrum(p.inclusive), "[GeV]", "Events / bin of 72–172 GeV"),
    "selected": (lambda p: spectrum(p.scan.best_window.fit), "[GeV]", "–172 GeV"),
    "scan": (lambda p: scan(p.scan), "[GeV]", "p-value"),
    "plane": (lambda p: plane(p.plane, mass_fit=p.mass_fit), "[GeV]", "[GeV]"),
    "peak_scan": (lambda p: peak_scan(p.peak_scan, mass_fit=p.mass_fit), "events taken", "[GeV]"),
    "mass_fit": (lambda p: mass_fit(p.mass_fit), "[GeV]", "Events /"),
    "limit": (lambda p: limit(p.limit), "[events]", ""),
    "training": (lambda p: training(p.training), "Epoch", "[dimensionless]"),
    "limits": (lambda p: limits(CURVE), "resonance [GeV]", "events]"),
    "hypothesis_map": (lambda p: hypothesis_map(MAP), "$m_X$ [GeV]", "$m_Y$ [GeV]"),
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
    several = axes if isinstance(axes, tuple) else (axes,)
    assert any(x_label in ax.get_xlabel() for ax in several)
    assert y_label in several[0].get_ylabel()
    assert dict(matplotlib.rcParams) == before


NAMES = ("spectrum", "scan", "plane", "mass_fit", "peak_scan", "limit", "limits", "cross_checks", "training",
         "hypothesis_map", "null_rates", "pulls")  # fmt: skip


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_room_is_light_and_pyplot_is_never_loaded() -> None:
    heavy = ("matplotlib", "scipy", "pandas", "tensorflow", "sklearn")
    run(
        "import sys, bumphunt.plots as plots\n"
        f"early = [m for m in {heavy!r} if m in sys.modules]\n"
        f"assert set({NAMES!r}) <= set(dir(plots))\n"
        f"assert all(callable(getattr(plots, name)) for name in {NAMES!r})\n"
        "from bumphunt.plots.style import style\nwith style(): pass\n"
        "late = [m for m in ('matplotlib.pyplot', 'pandas', 'tensorflow', 'sklearn') if m in sys.modules]\n"
        "sys.exit(', '.join(early + late) or 0)"
    )


PANELS: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "spectrum": (2, lambda p, ax: spectrum(p.inclusive, ax=ax)),
    "scan": (0, lambda p, ax: scan(p.scan, ax=ax)),
    "plane": (0, lambda p, ax: plane(p.plane, mass_fit=p.mass_fit, ax=ax)),
    "mass_fit": (3, lambda p, ax: mass_fit(p.mass_fit, ax=ax)),
    "peak_scan": (6, lambda p, ax: peak_scan(p.peak_scan, mass_fit=p.mass_fit, ax=ax)),
    "limit": (0, lambda p, ax: limit(p.limit, ax=ax)),
    "limits": (0, lambda p, ax: limits(CURVE, ax=ax)),
    "cross_checks": (0, lambda p, ax: cross_checks(p.cross_checks, ax=ax)),
    "training": (0, lambda p, ax: training(p.training, ax=ax)),
    "hypothesis_map": (0, lambda p, ax: hypothesis_map(MAP, ax=ax)),
    "null_rates": (0, lambda p, ax: null_rates(np.linspace(-3.0, 3.0, 50), ax=ax)),
    "pulls": (2, lambda p, ax: pulls({"m_x": [0.1, -1.0], "m_y": [0.5, 2.0]}, ax=ax)),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_draws_on_the_axes_it_is_given_in_the_users_style(name: str, found: Any) -> None:
    number, draw = PANELS[name]
    figure = Figure()
    given = np.atleast_1d(figure.subplots(max(number, 1), 1))
    artists = [len(axes.get_children()) for axes in given]
    drawn, axes = draw(found, given if number else given[0])
    assert drawn is figure
    assert [id(one) for one in (axes if number else [axes])] == [id(one) for one in given]
    assert all(len(one.get_children()) > before for one, before in zip(given, artists, strict=True))
    with matplotlib.rc_context({"axes.labelsize": 31.0, "figure.figsize": (12.8, 9.0)}):
        alone, axes = draw(found, None)
        first = axes[0] if number else axes
        assert first.xaxis.label.get_fontsize() == 31.0
        wide = alone.get_size_inches()
    with style():
        alone, axes = draw(found, None)
        assert (axes[0] if number else axes).xaxis.label.get_fontsize() == 11.5
    assert wide == pytest.approx(2.0 * alone.get_size_inches())
    if number:
        with pytest.raises(InputError, match=f"{number} panels"):
            draw(found, Figure().subplots(1, number + 1))


def test_the_cms_style_of_mplhep_has_an_effect(found: Any) -> None:
    mplhep = pytest.importorskip("mplhep")
    plain_width = scan(found.scan)[1].spines["left"].get_linewidth()
    with matplotlib.rc_context({k: v for k, v in mplhep.style.CMS.items() if not k.startswith(("font", "mathtext"))}):
        assert scan(found.scan)[1].spines["left"].get_linewidth() == 2.0 > plain_width


def test_error_bars_are_exact() -> None:
    # G. J. Feldman and R. D. Cousins quote the same central intervals; the upper end at zero is -ln(0.1587)
    low, high = poisson_errors(np.array([0.0, 1.0, 5.0, 10.0]))
    assert high[0] == pytest.approx(-math.log(tail_probability(1.0)), rel=1e-6)
    assert low[0] == 0.0
    assert 1.0 - low[1] == pytest.approx(-math.log(1.0 - tail_probability(1.0)), rel=1e-6)
    for n, down, up in zip((5, 10), low[2:], high[2:], strict=True):
        above = 1.0 - sum(math.exp(-(n - down)) * (n - down) ** k / math.factorial(k) for k in range(n))
        below = sum(math.exp(-(n + up)) * (n + up) ** k / math.factorial(k) for k in range(n + 1))
        assert (above, below) == pytest.approx((tail_probability(1.0), tail_probability(1.0)), rel=1e-6)


def test_one_bin_far_out_does_not_flatten_the_pulls_and_empty_bins_are_drawn(found: Any) -> None:
    counts = found.inclusive.counts.copy()
    expected = found.inclusive.expected.copy()
    counts[10], counts[-1], expected[-1] = 4.0 * counts[10], 0.0, 1.0
    none = np.zeros(len(counts), dtype=bool)
    fit = dataclasses.replace(found.inclusive, counts=counts, expected=expected, masked=none, window=none)
    _, (upper, lower) = spectrum(fit)
    assert lower.get_ylim()[1] < 9.0
    assert len(lower.texts) == 1
    bars: Any = upper.containers[0].lines[2][0]
    assert len(bars.get_segments()) == len(counts) - 1
    (empty,) = [drawn for drawn in upper.collections if isinstance(drawn, LineCollection) and drawn is not bars]
    assert empty.get_segments()[0][1, 1] == pytest.approx(1.841, abs=0.001)
    hollow = [line for line in lower.get_lines() if line.get_markerfacecolor() == "none" and len(line.get_xdata())]
    assert [line.get_xdata() for line in hollow] == [[0.5 * (found.inclusive.edges[-2] + found.inclusive.edges[-1])]]


def test_neighbours_beyond_the_panel_share_one_number() -> None:
    edges, expected = np.arange(11.0), np.full(10, 100.0)
    counts = expected.copy()
    counts[6:8] = 250.0, 300.0
    counts[2] = 1.0
    axes = Figure().subplots()
    draw_pulls(axes, counts, expected, edges, special=np.isin(np.arange(10), [2, 6, 7]))
    assert sorted(text.get_text() for text in axes.texts) == ["12.6–16.1", "−13.7"]
    assert max(map(abs, axes.get_ylim())) <= 8.0
    assert len([1 for line in axes.get_lines() if line.get_marker() == "^" for _ in line.get_xdata()]) == 2


def test_the_fitted_signal_is_scaled_to_the_excess(found: Any) -> None:
    fit = found.scan.best_window.fit
    signal = fitted_signal(fit, found.mass_fit)
    excess = fit.counts[fit.window].sum() - fit.window_expected
    assert signal[fit.window].sum() == pytest.approx(excess)
    assert np.isnan(signal[0])
    assert int(np.nanargmax(signal)) == int(np.searchsorted(fit.edges, 3815.0)) - 1
    none = dataclasses.replace(fit, counts=np.zeros_like(fit.counts))
    assert fitted_signal(none, found.mass_fit) is None
    _, (upper, _) = spectrum(fit, mass_fit=found.mass_fit)
    assert any("signal" in text for text in upper.get_legend_handles_labels()[1])


def test_the_plane_less_its_sidebands_peaks_at_the_signal(found: Any) -> None:
    figure, axes = plane(found.plane, mass_fit=found.mass_fit, n_background=45.0)
    mesh: Any = next(drawn for drawn in axes.collections if isinstance(drawn, QuadMesh))
    shown = mesh.get_array()
    row, column = np.unravel_index(np.ma.argmax(shown), shown.shape)
    corners = mesh.get_coordinates()
    assert corners[row, column, 0] - 60 < 728 < corners[row, column + 1, 0] + 60
    assert corners[row, column, 1] - 40 < 384 < corners[row + 1, column, 1] + 40
    # the sidebands alone, counted as often as they are, leave nothing
    same = dataclasses.replace(found.plane, mj1_window=found.plane.mj1_sideband, mj2_window=found.plane.mj2_sideband)
    _, axes = plane(same, n_background=float(len(same.mj1_sideband)))
    mesh = next(drawn for drawn in axes.collections if isinstance(drawn, QuadMesh))
    assert np.ma.max(np.abs(mesh.get_array())) == 0.0
    figure.canvas.draw()
    plane(dataclasses.replace(found.plane, mj1_sideband=np.zeros(0), mj2_sideband=np.zeros(0)), n_background=9.0)


def test_the_mass_fit_has_pulls_unless_the_user_gives_no_room_for_them(found: Any) -> None:
    _, axes = mass_fit(found.mass_fit)
    assert [one.get_ylabel() for one in axes[3:]] == ["Pull [σ]"] * 3
    given = Figure().subplots(6, 1)
    assert len(mass_fit(found.mass_fit, ax=given)[1]) == 6
    assert len(mass_fit(found.mass_fit, ax=given[:3])[1]) == 3


def test_levels_of_significance_do_not_write_over_each_other(found: Any) -> None:
    sure = dataclasses.replace(found.scan.best_window, p_local=1e-40, z_local=13.2)
    _, axes = scan(dataclasses.replace(found.scan, windows=(sure,), best=0))
    places = sorted(float(np.log10(text.xy[1])) for text in axes.texts)
    low, high = np.log10(axes.get_ylim())
    assert {"3 σ", "5 σ"} <= {text.get_text() for text in axes.texts}
    apart = [
        b - a for a, b in itertools.pairwise(places) if not {a, b} <= {np.log10(tail_probability(z)) for z in (3, 5)}
    ]
    assert min(apart) > (high - low) / 25


def test_the_map_marks_its_largest_point_and_leaves_out_what_was_not_tried(found: Any) -> None:
    _, axes = hypothesis_map(MAP)
    star = next(line for line in axes.get_lines() if line.get_marker() == "*")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (500.0, 200.0)
    mesh: Any = axes.collections[0]
    assert np.ma.count_masked(mesh.get_array()) == 1
    nothing = dataclasses.replace(MAP, z_local=np.full_like(Z, np.nan))
    hypothesis_map(nothing)[0].canvas.draw()
    assert "no hypothesis" in str(nothing)


def test_saved_twice_is_the_same_and_carries_no_date(found: Any, tmp_path: Any) -> None:
    first = save(spectrum(found.inclusive)[0], tmp_path / "a" / "v1.2")
    second = save(spectrum(found.inclusive)[0], tmp_path / "b" / "v1.2")
    assert [p.name for p in first] == ["v1.2.pdf", "v1.2.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert b"Date" not in one.read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["v1.2.pdf", "v1.2.png"]


def test_spectrum_draws_every_event_and_the_window(found: Any) -> None:
    fit = found.inclusive
    _, (upper, lower) = spectrum(fit)
    labels = " ".join(upper.get_legend_handles_labels()[1]).replace("\u2009", "")
    assert f"{fit.counts.sum():.0f} events" in labels
    assert f"{fit.counts[fit.window].sum():.0f} observed" in labels
    assert sum(np.size(line.get_xdata()) for line in lower.get_lines() if line.get_marker() in ("o", "^", "v")) == len(
        fit.counts
    )
    unmasked = dataclasses.replace(fit, masked=np.zeros_like(fit.masked), window=np.zeros_like(fit.masked))
    assert "Window" not in " ".join(spectrum(unmasked)[1][0].get_legend_handles_labels()[1])


def test_spectrum_of_no_events_can_be_drawn(found: Any) -> None:
    fit = dataclasses.replace(found.inclusive, counts=np.zeros_like(found.inclusive.counts))
    figure, _ = spectrum(fit)
    figure.canvas.draw()


def test_scan_has_one_line_a_cut_with_gaps(found: Any) -> None:
    _, axes = scan(found.scan)
    labels = axes.get_legend_handles_labels()[1]
    assert sum("kept" in text for text in labels) == len({w.cut_fraction for w in found.scan.windows})
    assert axes.get_title(loc="left").startswith("Global p ≤")
    assert {text.get_text() for text in axes.texts} >= {"3 σ", "5 σ"}
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()])
    skipped = sum(w.note != "" for w in found.scan.windows)
    assert skipped > 0
    assert np.isnan(drawn).sum() == skipped
    assert axes.get_ylim()[0] < found.scan.p_local


def test_names_above_a_figure_are_never_wider_than_it() -> None:
    figure, axes = null_rates({f"Local z of {words}": [0.5] for words in ("one set", "a set " * 8)})
    assert figure.legends[0].get_window_extent().width <= figure.bbox.width
    assert len(figure.legends) == 1
    assert len(figure.legends[0].get_texts()) == len(axes.get_legend_handles_labels()[1])


def test_scan_survives_nothing_searched_and_vanishing_p_values(found: Any) -> None:
    nothing = ScanResult(
        windows=(), best=None, searched_low=0.0, searched_high=0.0, p_local=math.nan, z_local=math.nan,
        p_global=math.nan, z_global=math.nan, p_global_method="none", n_trials=0, n_toys=0, is_bound=False,
    )  # fmt: skip
    scan(nothing)[0].canvas.draw()
    sure = dataclasses.replace(found.scan.best_window, p_local=0.0, z_local=41.0)
    _, axes = scan(dataclasses.replace(found.scan, windows=(sure,), best=0, p_global=0.0, z_global=40.0))
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
    figure, axes = cross_checks([odd])
    figure.canvas.draw()
    assert "no number" in [text.get_text() for text in axes.texts]


def test_limit_shows_observed_and_expected(found: Any) -> None:
    _, axes = limit(found.limit)
    patches: Any = axes.patches
    bars = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in patches)
    expected = found.limit.expected
    assert bars[0] == pytest.approx((expected[0], expected[4]))
    assert bars[1] == pytest.approx((expected[1], expected[3]))


def test_the_layout_is_found_once_and_each_file_drawn_once(tmp_path, monkeypatch):
    figure, _ = pulls({"m_x": np.linspace(-1.0, 1.0, 9)})
    draws = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: draws.append(1) or draw(self, renderer))
    save(figure, tmp_path / "pulls")
    assert len(draws) == 2, "PDF and PNG"
