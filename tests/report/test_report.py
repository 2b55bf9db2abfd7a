"""The page: what it says for each status, what it embeds, what it never loads."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from bumphunt.errors import InputError
from bumphunt.report.figures import Picture
from bumphunt.report.html import absences, render, write_report
from bumphunt.report.reading import read_results
from bumphunt.report.wording import FAILURES
from bumphunt.results import AnalysisResult, Products

HOSTILE = "boxes/<script>alert('x')</script>/bl&ck.parquet"
NAMES = ("spectrum_before", "spectrum_after", "scan", "jet_plane", "peak_scan", "mass_fit", "limit", "cross_checks",
         "training")  # fmt: skip


class Page(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def drawn(factory: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a discovery's directory and page, drawn for real."""
    folder = factory.write(tmp_path_factory.mktemp("run"), "discovery", path=HOSTILE)
    before = dict(matplotlib.rcParams)
    page = write_report(folder)
    assert dict(matplotlib.rcParams) == before
    return folder, page.read_text(encoding="utf-8")


def page_of(result: AnalysisResult, products: Products) -> Page:
    """Return the page with empty pictures in place of all that would be drawn."""
    missing = absences(result, products)
    names = [name for name in NAMES if name not in missing]
    pictures = {name: Picture(name=name, caption="a caption", description=name, svg="<svg></svg>") for name in names}
    return Page(render(result, products, pictures))


def test_json_round_trip_keeps_everything(factory: Any, tmp_path: Path) -> None:
    for status in factory.statuses:
        result, products = read_results(factory.write(tmp_path / status, status))
        assert result.to_dict() == factory.result(status).to_dict()
        assert products.to_dict() == factory.products(status).to_dict()


def test_everything_is_written_and_nothing_left_over(drawn: tuple[Path, str]) -> None:
    folder, _ = drawn
    expected = {f"{name}.{kind}" for name in NAMES for kind in ("pdf", "png")}
    assert {path.name for path in (folder / "figures").iterdir()} == expected
    assert {path.name for path in folder.iterdir()} == {"result.json", "products.json", "figures", "report.html"}


def test_nothing_is_loaded_from_outside(drawn: tuple[Path, str]) -> None:
    _, text = drawn
    page = Page(text)
    bare = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert "//" not in bare
    assert not re.search(r"url\((?!#)|@import", bare), "a drawing may name its own parts only"
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "embed"}
    links = [attributes["href"] or "" for tag, attributes in page.elements if tag == "a"]
    assert links
    assert all(link.startswith("#") for link in links), "contents only: nothing leads outside"
    assert "default-src 'none'" in text
    images = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(images) == len(NAMES)
    assert all(attributes["role"] == "img" and len(attributes["aria-label"] or "") > 40 for attributes in images)


def test_drawings_share_a_page_without_sharing_identifiers(drawn: tuple[Path, str]) -> None:
    page = Page(drawn[1])
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    links = {str(attributes["href"]).removeprefix("#") for _, attributes in page.elements if "href" in attributes}
    links = {link for link in links if not link.startswith("data:")}
    assert links | set(re.findall(r"url\(#([^)]+)\)", drawn[1])) <= set(identifiers)


def test_drawings_follow_the_scheme_of_the_page(drawn: tuple[Path, str]) -> None:
    drawings = re.findall(r"<svg.*?</svg>", drawn[1], flags=re.DOTALL)
    for drawing in drawings:
        bare = re.sub(r"var\(--figure-[a-z]+, #[0-9a-fA-F]{6}\)|base64,[A-Za-z0-9+/=]+", "", drawing)
        assert not re.search("#0072b2|#d55e00|#ffffff|#000000", bare, flags=re.IGNORECASE)
    style = drawn[1][: drawn[1].index("</style>")]
    used = set(re.findall(r"var\((--figure-[a-z]+),", drawn[1]))
    assert len(used) >= 6
    assert all(f"{name}:" in style for name in used), "each has another value in the dark scheme"


def test_a_pointer_reads_every_bin_and_every_window(drawn: tuple[Path, str], factory: Any) -> None:
    products = factory.products("discovery")
    titles = re.findall(r"<title>([^<]+)</title></rect>", drawn[1])
    fit, scan = products.inclusive, products.scan
    window = scan.best_window
    assert len(titles) == 2 * len(fit.counts) + 2 * len(window.fit.counts) + len(
        {(w.low, w.high) for w in scan.windows}
    )
    one = f"observed {fit.counts[3]:,.0f}".replace(",", "\u202f")
    assert any(f"{fit.edges[3]:.0f}–{fit.edges[4]:.0f} GeV" in text and one in text for text in titles)
    assert any(f"{window.low:.0f}–{window.high:.0f}" in text and "not searched" not in text for text in titles)
    assert any("not searched: fewer than 10 events" in text for text in titles)


def test_input_is_escaped(drawn: tuple[Path, str]) -> None:
    _, text = drawn
    assert "<script" not in text
    assert "&lt;script&gt;alert(" in text
    assert HOSTILE in Page(text).text


def test_all_sections_and_table_headers(drawn: tuple[Path, str]) -> None:
    page = Page(drawn[1])
    identifiers = {attributes.get("id") for _, attributes in page.elements}
    assert identifiers >= {
        "spectra",
        "search",
        "masses",
        "limits",
        "quality",
        "systematics",
        "assumptions",
        "opinions",
        "windows",
        "record",
        *NAMES,
    }
    tables = [attributes for tag, attributes in page.elements if tag == "table"]
    assert len([tag for tag, _ in page.elements if tag == "caption"]) == len(tables) >= 8
    assert all(attributes.get("scope") for tag, attributes in page.elements if tag == "th")
    for needed in ("3f" * 32, "2020", "scan.cuts", "184.2", "52", "fewer than 10 events", "sideband fit"):
        assert needed in page.text


def test_second_drawing_is_identical(factory: Any, drawn: tuple[Path, str], tmp_path: Path) -> None:
    folder, text = drawn
    again = write_report(factory.write(tmp_path, "discovery", path=HOSTILE))
    assert again.read_text(encoding="utf-8") == text
    for path in (folder / "figures").iterdir():
        assert path.read_bytes() == (tmp_path / "figures" / path.name).read_bytes()


def test_a_user_s_settings_do_not_reach_the_report(
    factory: Any, drawn: tuple[Path, str], tmp_path: Path, page_only: None
) -> None:
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "font.family": ["No Such Font"]}):
        again = write_report(factory.write(tmp_path, "discovery", path=HOSTILE))
    assert again.read_text(encoding="utf-8") == drawn[1]


@pytest.mark.parametrize(
    ("status", "needed", "forbidden"),
    [
        ("none", ["No: nothing was found", "at most 610", "None to give"], ["Warning", "3818", "Yes: a discovery"]),
        ("evidence", ["Perhaps: evidence, not a discovery", "at least 3.7 σ", "3818 ± 15 GeV"], ["Warning", "Yes: a"]),
        (
            "discovery",
            ["Yes: a discovery", "728 ± 16 GeV", "380 ± 9 GeV", "810 +150 −120"],
            ["Warning", "Not reliable"],
        ),
        (
            "unverified_excess",
            ["Warning", "Do not quote this as a signal", "Check failed: leakage", "0.538", "0.52", "Not reliable"],
            ["Yes: a discovery"],
        ),
    ],
)
def test_what_each_status_says(factory: Any, status: str, needed: list[str], forbidden: list[str]) -> None:
    text = page_of(factory.result(status), factory.products(status)).text
    for words in needed:
        assert words in text
    for words in forbidden:
        assert words not in text


def test_without_an_excess_no_masses_are_drawn_and_the_page_says_why(
    factory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []

    def save_without_drawing(figure: Figure, stem: Path) -> tuple[Path, Path]:
        saved.append(stem.name)
        stem.parent.mkdir(exist_ok=True)
        stem.with_suffix(".png").write_bytes(b"")
        return stem.with_suffix(".pdf"), stem.with_suffix(".png")

    monkeypatch.setattr("bumphunt.report.figures.save", save_without_drawing)
    page = Page(write_report(factory.write(tmp_path, "none")).read_text(encoding="utf-8"))
    assert "No mass fit is shown, because no excess reached a global significance of 3 σ." in page.text
    assert sorted(saved) == sorted(set(NAMES) - {"mass_fit"})


def test_withheld_masses_are_not_shown_even_if_fitted(factory: Any) -> None:
    result = factory.result("none")
    products = dataclasses.replace(factory.products("none"), mass_fit=factory.products("discovery").mass_fit)
    assert "3818" not in page_of(result, products).text


def test_absent_products_are_explained(factory: Any) -> None:
    products = factory.products("none")
    scan = dataclasses.replace(products.scan, best=None, windows=())
    bare = dataclasses.replace(
        products, scan=scan, peak_scan=None, plane=None, limit=None, cross_checks=(), training=None
    )
    result = factory.result("none")
    answers = dataclasses.replace(result.answers, upper_limit=None)
    page = page_of(dataclasses.replace(result, answers=answers, checks=(), stages={}, config={}, input={}), bare)
    for reason in absences(result, bare).values():
        assert reason in page.text
    assert len(absences(result, bare)) == 7
    assert "Nothing was searched" in page.text
    assert "No upper limit was computed" in page.text


@pytest.mark.parametrize("name", ["result.json", "products.json"])
@pytest.mark.parametrize("content", [None, "", "{", "[1]", "{}", '{"schema_version": "1"}', b"\xff\xfe\x00"])
def test_missing_or_damaged_files_are_the_user_s_fault(
    factory: Any, tmp_path: Path, name: str, content: str | bytes | None
) -> None:
    factory.write(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=name) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()


DAMAGE = [
    ("result.json", ["schema_version"], "99", "schema version '99'"),
    ("result.json", ["answers", "p_global"], "small", "Answers.p_global"),
    ("result.json", ["seed"], None, "AnalysisResult.seed"),
    ("result.json", ["answers", "surplus"], 1, "surplus"),
    ("result.json", ["answers", "upper_limit"], {"mass": 3000.0}, "upper_limit lacks"),
    ("products.json", ["scan", "best"], 5000, "best is 5000"),
    ("products.json", ["inclusive", "counts"], [1.0, 2.0], "different lengths"),
    ("products.json", ["plane", "mj1_window"], [1.0], "different lengths"),
    ("products.json", ["inclusive", "counts"], "many", "damaged"),
    ("products.json", ["training"], [], "damaged"),
]


@pytest.mark.parametrize(("name", "keys", "value", "message"), DAMAGE)
def test_wrong_entries_are_named(
    factory: Any, tmp_path: Path, name: str, keys: list[str], value: Any, message: str
) -> None:
    path = factory.write(tmp_path) / name
    data = json.loads(path.read_text())
    entry = data
    for key in keys[:-1]:
        entry = entry[key]
    entry[keys[-1]] = value
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=re.escape(message)):
        read_results(tmp_path)


def test_directory_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a directory"):
        write_report(tmp_path / "nowhere")


def test_what_version_2_knows_is_shown_and_nothing_of_it_where_it_is_not_known(factory: Any) -> None:
    result, products = factory.result("discovery"), factory.products("discovery")
    old = page_of(result, products).text
    unknown = (
        "Calibrated to",
        "one jet",
        "copies dropped",
        "Further claimed",
        "not verified",
        "look at these",
        "frozen",
    )
    for words in unknown:
        assert words not in old
    answers = dataclasses.replace(
        result.answers, tested_to=3.2, z_spread=0.4, search="prior", masses_verified=False,
        per_search={"cwola": {"z_local": 1.7, "z_global": 0.3}, "prior": {"z_local": 8.1, "z_global": 6.9}},
        assumptions=("Each daughter gives one jet.",),
    )  # fmt: skip
    failed = dataclasses.replace(result.checks[0], name="mass_fit", passed=False, applies_to="masses")
    new = dataclasses.replace(
        result, answers=answers, checks=(failed,), signals=(result.answers,),
        looks={"number": 4, "text": "fourth look at these events; the others said: none", "plan": "0123456789abcdef"},
        data_quality={"duplicates": 12, "near_duplicates": 0, "repaired": 3},
    )  # fmt: skip
    text = page_of(new, products).text
    for words in (
        "Calibrated to 3.2 σ; beyond by extrapolation",
        "scatter by 0.4 σ",
        "Each daughter gives one jet.",
        "12 exact copies dropped",
        "3 rows repaired",
        "This is the fourth look at these events; the others said: none",
        "The plan frozen before was kept (0123456789ab)",
        "Further claimed resonances",
        "The masses are not verified: mass fit failed",
        "the claim",
        "no place in the plane",
    ):
        assert words in text.replace("\u202f", " ")
    assert "near copies" not in text


def test_each_check_says_what_a_failure_would_look_like() -> None:
    names: set[str] = set()
    named = re.compile(r'(?:name=|_check\(|_goodness\(|judged\()\s*"(\w+)"')
    for room in ("significance", "masses"):
        names |= set(named.findall((ROOT / "bumphunt" / room / "checks.py").read_text("utf-8")))
    assert len(names) >= 20
    assert names <= set(FAILURES)


def test_a_check_of_another_time_tells_its_own_failure(factory: Any) -> None:
    result, products = factory.result("discovery"), factory.products("discovery")
    own = dataclasses.replace(result.checks[0], name="new", meaning="what it is; a failure looks like a gap")
    bare = dataclasses.replace(own, name="newer", meaning="what else", applies_to="masses")
    text = page_of(dataclasses.replace(result, checks=(own, bare)), products).text
    assert "a gap" in text
    assert "; a failure looks like" not in text
    assert "masses or a yield that the excess does not have" in text


def test_a_limit_that_is_infinite_is_missing_and_no_fault(factory: Any) -> None:
    result = factory.result("none")
    limit = {"n_signal_95": None, "mass": 3815.0, "expected": [1.0, 2.0, 3000.0, None, 5.0],
             "selected": {"n_signal_95": None, "cut_fraction": 0.01, "expected": [1.0, 2.0]}}  # fmt: skip
    answers = dataclasses.replace(result.answers, upper_limit=limit)
    text = page_of(dataclasses.replace(result, answers=answers), factory.products("none")).text
    assert "at most –" in text
    assert "3 000 events (68 %: 2 to –)" in text


def test_systematics_are_listed_as_far_as_they_are_known(factory: Any) -> None:
    result, products = factory.result("discovery"), factory.products("discovery")
    old = page_of(result, products).text
    assert "Background under the window" in old
    assert "Resolutions of mjj" not in old
    fit = dataclasses.replace(
        products.mass_fit, systematic=np.array([0.01, 0.02, 0.02, 0.3]), log_widths=np.array([0.1, -0.1]),
        n_signal=dataclasses.replace(products.mass_fit.n_signal, stat_low=700.0, stat_high=900.0),
    )  # fmt: skip
    answers = dataclasses.replace(result.answers, calibration={"n": 22, "width": 1.3, "mean": None})
    new = page_of(dataclasses.replace(result, answers=answers), dataclasses.replace(products, mass_fit=fit)).text
    for words in ("width 1.3, mean –", "22 whole searches", "1.11 and 0.90 × nominal", "± 100", "(30 %)"):
        assert words in new
    none = page_of(factory.result("none"), factory.products("none")).text
    assert "Efficiency of the selection" not in none


ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).parent / "stored_v1"


def test_a_folder_of_schema_version_1_can_still_be_reported(tmp_path: Path, page_only: None) -> None:
    for name in ("result.json", "products.json"):
        (tmp_path / name).write_bytes((STORED / name).read_bytes())
    assert json.loads((tmp_path / "result.json").read_text())["schema_version"] == "1"
    result, products = read_results(tmp_path)
    assert result.answers.status == "discovery"
    assert result.answers.tested_to is None
    assert all(check.applies_to == "excess" for check in result.checks)
    assert products.hypotheses is None
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    assert "Yes: a discovery" in text
    assert "3520 ± 50 GeV" in text
