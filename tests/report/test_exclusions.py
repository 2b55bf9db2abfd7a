"""What a report says of signal models: tables and figures from limits.json, and nothing that is not there."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from bumphunt import plots
from bumphunt.errors import InputError
from bumphunt.report import html
from bumphunt.report.exclusions import curve_table, model_notes, models_table, windows_table
from bumphunt.report.figures import Picture, _models
from bumphunt.report.reading import read_limits
from bumphunt.results import LimitCurve, MethodLimit, ModelLimit, SignalLimits, WindowLimits


def point(masses: tuple[float, ...], observed: float, expected: float, **more: Any) -> ModelLimit:
    bands = np.array([0.5, 0.7, 1.0, 1.4, 1.9])
    selected = MethodLimit(
        name="selected 1 %", cut_fraction=0.01, n_signal_95=observed, expected=expected * bands,
        efficiency=np.array([[0.0, 0.01, 0.001], [200.0, 0.4, 0.02]]),
    )  # fmt: skip
    inclusive = MethodLimit(name="inclusive", cut_fraction=None, n_signal_95=300.0, expected=280.0 * bands)
    given = {"luminosity": 139.0, "acceptance": 0.5, "chosen": "selected 1 %"} | more
    return ModelLimit(
        name="/".join(f"{mass:g}" for mass in masses), masses=masses, low=3300.0, high=3700.0, in_window=0.8,
        search="cwola", inclusive=inclusive, selected=(selected,), **given,
    )  # fmt: skip


def limits(*points: ModelLimit) -> SignalLimits:
    return SignalLimits(schema_version="1", input={}, seed=1, versions={}, config={}, points=points)


GRID = limits(
    point((3500.0, 500.0, 100.0), 90.0, 100.0),
    point((3500.0, 300.0, 100.0), 80.0, 95.0),
    point((3500.0, 500.0, 300.0), 120.0, 110.0),
    point((4200.0, 500.0, 100.0), 60.0, 62.0, notes=("a note",)),
)


def test_curve_and_plane_are_the_points():
    [curve] = GRID.curves()
    assert curve.mass.tolist() == [3500.0, 4200.0]
    assert curve.observed == pytest.approx(np.array([90.0, 60.0]) / (139.0 * 0.5))
    assert curve.unit == "fb"
    assert "500 and 100 GeV" in curve.label
    [plane] = GRID.planes()
    assert plane.m_x.tolist() == [500.0, 300.0, 500.0]
    assert plane.expected == pytest.approx(np.array([100.0, 95.0, 110.0]) / 69.5)


def test_points_along_a_line_of_masses_are_one_curve():
    [curve] = limits(point((3500.0, 500.0, 100.0), 9.0, 9.0), point((3300.0, 400.0, 90.0), 8.0, 8.0)).curves()
    assert curve.mass.tolist() == [3300.0, 3500.0]


def test_figures_show_every_point():
    axes = plots.limit_plane(GRID.planes()[0])[1]
    texts = [text.get_text() for text in axes.texts]
    assert [text for text in texts if "(" in text] == ["1.29 (1.44)", "1.15 (1.37)", "1.73 (1.58)"]
    # three points on a line span no plane and are drawn all the same
    line = limits(*(point((3500.0, m_x, 100.0), 50.0, 50.0) for m_x in (200.0, 300.0, 400.0)))
    assert len(plots.limit_plane(line.planes()[0])[1].texts) >= 3


def test_tables_round_and_mark():
    table = models_table(GRID)
    assert table.rows[0][2:5] == ("90", "100", "70 to 140")
    assert table.rows[0][-2] == "1.29"
    assert table.marked == {3}
    assert model_notes(GRID) == ["4200/500/100: a note"]
    unlimited = limits(point((3500.0, 500.0, 100.0), np.inf, 100.0, luminosity=None))
    back = SignalLimits.from_dict(json.loads(json.dumps(unlimited.to_dict())))
    assert models_table(back).rows[0][2] == models_table(unlimited).rows[0][2] == "–"
    curve = LimitCurve(
        mass=np.array([3500.0]), observed=np.array([9.0]), expected=np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    )
    assert curve_table(curve).rows == (("3500 GeV", "9", "3", "2 to 4", "1 to 5"),)


NO_PICTURES = dict.fromkeys(
    ["spectrum_before", "spectrum_after", "scan", "jet_plane", "peak_scan", "mass_fit", "limit", "cross_checks",
     "training"], Picture(name="spectrum_before", caption="", description="", svg="<svg></svg>"),
)  # fmt: skip


def test_a_report_says_what_is_excluded_after_the_selection_in_each_window(factory):
    rows = WindowLimits(
        low=np.array([3300.0, 4100.0]),
        high=np.array([3700.0, 4500.0]),
        cut_fraction=np.array([0.01, 0.002]),
        observed=np.array([22.73, np.inf]),
        expected=np.array([[10.0, 15.0, 21.0, 30.0, 41.0]] * 2),
    )
    back = WindowLimits.from_dict(json.loads(json.dumps(rows.to_dict())))
    table = windows_table(back, unit="GeV")
    assert table.rows[0] == ("3300–3700", "1 %", "22.7", "21", "15 to 30", "10 to 41")
    assert table.rows[1][1:3] == ("0.2 %", "–")
    result, products = factory.result("none"), factory.products("none")
    assert "15 to 30" not in html.render(result, products, NO_PICTURES)
    page = html.render(result, dataclasses.replace(products, window_limits=rows), NO_PICTURES)
    assert "15 to 30" in page
    assert "divide by the efficiency of the cut" in page
    assert "m_X, m_Y" not in page


def test_and_of_the_prior_assisted_search(factory):
    rows = WindowLimits(
        low=np.array([3300.0]),
        high=np.array([3700.0]),
        cut_fraction=np.array([0.001]),
        observed=np.array([12.0]),
        expected=np.array([[3.0, 5.0, 8.0, 11.0, 17.0]]),
        m_x=np.array([511.2]),
        m_y=np.array([98.7]),
    )
    back = WindowLimits.from_dict(json.loads(json.dumps(rows.to_dict())))
    table = windows_table(back, unit="GeV")
    assert table.header[1] == "m_X, m_Y [GeV]"
    assert table.rows == (("3300–3700", "511, 99", "0.1 %", "12", "8", "5 to 11", "3 to 17"),)
    products = dataclasses.replace(factory.products("none"), window_limits=rows, prior_limits=rows)
    page = html.render(factory.result("none"), products, NO_PICTURES)
    assert "511, 99" in page
    assert "largest excess of each window" in page


def test_report_takes_limits_from_beside_the_run(factory, tmp_path, monkeypatch):
    folder = factory.write(tmp_path, "none")
    drawn = []

    def draw(result, products, figures, *, limits=None):
        """Draw what is new here only."""
        names = ["spectrum_before", "spectrum_after", "scan", "jet_plane", "peak_scan", "mass_fit", "limit"]
        pictures = {
            name: Picture(name=name, caption="", description="", svg="<svg></svg>")
            for name in [*names, "cross_checks", "training"]
        }

        def add(name, figure, caption, description):
            drawn.append(name)
            pictures[name] = Picture(name=name, caption=caption, description=description, svg="<svg></svg>")

        if limits is not None:
            _models(limits, "Simulation", add)
        return pictures

    monkeypatch.setattr(html, "draw_figures", draw)
    assert "No limits on signal models" in html.write_report(folder).read_text("utf-8")
    (folder / "limits.json").write_text(json.dumps(GRID.to_dict()))
    page = html.write_report(folder).read_text("utf-8")
    assert "4200/500/100: a note" in page
    assert drawn == ["model_limits", "limit_plane_3500"]
    assert all(f'id="{name}"' in page for name in drawn)
    other = GRID.to_dict() | {"input": {"content": "other events"}}
    (folder / "limits.json").write_text(json.dumps(other))
    assert "No limits on signal models" in html.write_report(folder).read_text("utf-8")
    (folder / "limits.json").write_text('{"points": 3}')
    with pytest.raises(InputError, match=r"limits.json is damaged .*bumphunt limits"):
        read_limits(folder)
