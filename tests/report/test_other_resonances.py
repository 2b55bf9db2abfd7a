"""A resonance that is no dijet keeps its name and unit in figures, tables, notebooks and the page."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from bumphunt import plots
from bumphunt.report.html import write_report
from bumphunt.report.reading import read_results
from bumphunt.results import Products, mass_named, name_mass

CONFIG = {
    "resonance": {"column": "dimu_mass", "unit": "MeV", "label": "dimuon mass"},
    "daughters": None,
    "features": ["dimu_pt", "mu0_iso04"],
    "sqrt_s": None,
}
WORDS = re.compile(r"[^\n<]*(?:jet(?!3&)|GeV|m_X|heavier|lighter)[^\n<]*", re.IGNORECASE)


def without_daughters(products: Products) -> Products:
    return dataclasses.replace(products, peak_scan=None, mass_fit=None, plane=None)


def words_in(figure: Figure) -> str:
    """Return all that is written in a figure."""
    return "\n".join(part.get_text() for part in figure.findobj(lambda part: hasattr(part, "get_text")))


@pytest.fixture(scope="module")
def folder(factory: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of dimuons, as an earlier version stored it, with its page."""
    drawn: list[str] = []
    made = factory.write(tmp_path_factory.mktemp("dimuons"), "discovery", path="muons.parquet")
    result = factory.result("discovery", path="muons.parquet")
    given = dataclasses.replace(result, config=CONFIG, input={**result.input, "columns": ["dimu_mass", "dimu_pt"]},
                                answers=dataclasses.replace(result.answers, m_x=None, m_y=None))  # fmt: skip
    (made / "result.json").write_text(json.dumps(given.to_dict()))
    (made / "products.json").write_text(json.dumps(without_daughters(factory.products("discovery")).to_dict()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.figures.save", lambda figure, stem: drawn.append(words_in(figure)))
        write_report(made)
    (made / "figures.txt").write_text("\n".join(drawn))
    return made


def test_the_page_names_the_dimuon_mass_and_no_jet(folder: Path) -> None:
    text = (folder / "report.html").read_text("utf-8")
    text = re.sub(r"<style>.*?</style>|<summary>Settings.*", "", text, flags=re.DOTALL)
    assert not [found.strip() for found in WORDS.findall(re.sub(r"<[^>]*>", "\n", text))]
    assert "Bump hunt in the dimuon mass" in text
    drawn = (folder / "figures.txt").read_text()
    assert not WORDS.findall(drawn)
    assert "Dimuon mass [MeV]" in drawn, "the axis of the spectra"
    assert "Middle of the window in dimuon mass [MeV]" in drawn


def test_results_carry_the_name_into_figures_texts_and_notebooks(folder: Path) -> None:
    result, products = read_results(folder)
    assert products.scan.mass_unit == result.answers.mass_unit == "MeV"
    figure, axes = plots.spectrum(products.inclusive)
    assert axes[1].get_xlabel() == "Dimuon mass [MeV]"
    assert "MeV" in axes[0].get_ylabel()
    assert products.limit is not None
    drawn = [figure, plots.scan(products.scan)[0], plots.limit(products.limit)[0]]
    said = "\n".join(
        [*map(words_in, drawn), str(result), str(products.scan), result._repr_html_(), products.inclusive._repr_html_()]
    )
    assert said.count("MeV") > 4
    # m_x and m_y are keys of the answers, whatever the final state
    assert not [found for found in WORDS.findall(said) if "not given" not in found]


def test_the_name_of_a_column_is_its_label_where_none_is_given() -> None:
    from bumphunt.config import AnalysisConfig

    given = AnalysisConfig.model_validate({"resonance": {"column": "m4l"}, "daughters": None, "features": ["pt"]})
    assert given.resonance.label == "m4l"
    assert AnalysisConfig().resonance.label == "dijet mass"
    assert mass_named(given.model_dump()) == ("m4l", "GeV")


def test_a_name_with_signs_of_mathematics_is_drawn_as_it_stands(folder: Path) -> None:
    _, products = read_results(folder)
    odd = name_mass(products, label="mass $x_{", unit="G$eV")
    for figure, _ in (plots.spectrum(odd.inclusive), plots.scan(odd.scan)):
        figure.draw_without_rendering()


def test_dijets_are_left_as_they_are(factory: Any) -> None:
    products = factory.products("discovery")
    label, unit = mass_named({})
    assert name_mass(products, label=label, unit=unit) is products
    assert "$m_{jj}$" in plots.scan(products.scan)[1].get_xlabel()
