"""What a figure costs, counted, and that it looks the same as one that matplotlib lays out for each file anew."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import fontTools.subset
import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bumphunt import plots
from bumphunt.plots.style import new_figure, style
from bumphunt.report import settled
from bumphunt.report.html import write_report
from bumphunt.report.settled import as_text, settle
from bumphunt.report.tables import stages_table

STORED = Path(__file__).resolve().parent / "stored_v1"


def test_no_figure_of_a_report_is_drawn_or_measured_more_often_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def count(owner: type, method: str) -> None:
        real = getattr(owner, method)

        def counted(*args: Any, **options: Any) -> Any:
            calls[f"{owner.__name__}.{method}"] += 1
            return real(*args, **options)

        monkeypatch.setattr(owner, method, counted)

    count(Figure, "draw")
    count(ConstrainedLayoutEngine, "execute")
    count(fontTools.subset.Subsetter, "subset")
    count(Tick, "__init__")
    for name in ("result.json", "products.json"):
        shutil.copy(STORED / name, tmp_path / name)
    write_report(tmp_path)
    n = len(list((tmp_path / "figures").glob("*.pdf")))
    assert n == 7
    assert calls["Figure.draw"] == 3 * n, "PDF, PNG and SVG"
    assert calls["ConstrainedLayoutEngine.execute"] == n
    # upright, slanted and bold letters, and one more for ligatures
    assert n <= calls["Subsetter.subset"] <= 3 * n
    assert calls["Tick.__init__"] < 60 * n, "a tick without a label is an artist of five parts again"


@pytest.mark.parametrize("name", ["spectrum", "scan", "plane"])
def test_a_settled_figure_looks_as_matplotlib_draws_it(
    factory: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "as_text", lambda label: label)
    products = factory.products("discovery")
    given = {"spectrum": products.inclusive, "scan": products.scan}.get(name) or getattr(products, name)
    with style():
        usual, ours = (getattr(plots, name)(given)[0] for _ in range(2))
        usual.draw_without_rendering()
        usual.set_layout_engine(None)
        settle(ours)
        # positions are rounded differently, which a pixel at the edge of a letter can tell
        assert np.abs(pixels(usual).astype(int) - pixels(ours)).max() <= 2


def test_labels_of_minor_ticks_and_what_stands_at_the_end_of_an_axis_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with style():
        usual, formulas, ours = (powers() for _ in range(3))
        settle(ours)
        low, wide = ours.axes
        assert any(written(text) for text in low.yaxis.get_minorticklabels())
        assert written(wide.xaxis.get_offset_text()) == "×10⁷"
        assert wide.title.get_position()[1] > 1.0, "it made room for the power of ten"
        monkeypatch.setattr(settled, "as_text", lambda label: label)
        usual.draw_without_rendering()
        usual.set_layout_engine(None)
        settle(formulas)
        assert np.abs(pixels(usual).astype(int) - pixels(formulas)).max() <= 2


def powers() -> Figure:
    """Return a figure with labelled minor ticks, lines of a grid at minor ticks, and powers of ten beside axes."""
    figure = new_figure(3.0)
    low, wide = figure.subplots(1, 2)
    low.set_yscale("log")
    low.set_ylim(20.0, 70.0)
    low.set_title("Left", loc="left")
    wide.plot([0.0, 3e7], [-2e-5, 1e-5])
    wide.set_title("Beside the power of ten", loc="left")
    wide.set_xlabel("Across")
    wide.grid(visible=True, which="minor")
    return figure


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (r"$\mathdefault{10^{-3}}$", "10⁻³"),
        (r"$\mathdefault{-10^{2}}$", "-10²"),
        (r"$\mathdefault{−2.5}$", "−2.5"),
        (r"$\mathdefault{3\times10^{1}}$", "3\u2009×\u200910¹"),
        (r"$\times\mathdefault{10^{6}}\mathdefault{}$", "×10⁶"),
        (r"$\mathdefault{2^{x}}$", r"$\mathdefault{2^{x}}$"),
        ("$m_X$", "$m_X$"),
        ("5 \\$", "5 \\$"),
        ("$", "$"),
        ("", ""),
    ],
)
def test_only_numbers_are_taken_out_of_formulas(label: str, text: str) -> None:
    assert as_text(label) == text


def pixels(figure: Figure) -> Any:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def written(text: Any) -> str:
    return str(text.get_text())


def test_long_lists_of_a_stage_stay_in_the_file_for_programs() -> None:
    table = stages_table({"further_signals": {"seconds": 1.0, "kept": [[3000.0, 3300.0]] * 40, "n_claimed": 0}})
    assert table.rows[0][2].endswith("... (all of it in result.json); n_claimed: 0")
    assert len(table.rows[0][2]) < 150
