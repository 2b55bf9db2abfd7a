"""The page in a real Chromium: three widths, both schemes, and on paper."""

import html
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bumphunt.report.html import write_report
from bumphunt.report.settled import settle

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: the page is not looked at in one")
WIDTHS = (1400, 1100, 400)
LOOK = """
onload = () => {
  const said = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, root = page.documentElement;
    const wide = [...page.querySelectorAll("body *")].filter(part => {
      const box = part.getBoundingClientRect();
      return !part.closest("svg svg, thead, defs, svg > *") && box.width && box.right > root.clientWidth + 1;
    }).map(part => part.tagName + "." + part.className);
    const colour = (name, of) => frame.contentWindow.getComputedStyle(page.querySelector(name))[of];
    return [root.clientWidth, root.scrollWidth, colour("body", "backgroundColor"), colour(".drawn", "fill"),
            colour("thead", "position"), wide.slice(0, 3).join("+") || "none"].join("|");
  });
  document.getElementById("said").textContent = said.join("\\n");
};
"""
POINT = """
onload = () => {
  const page = document.querySelector("iframe").contentDocument;
  const said = [...page.querySelectorAll(".spot")].map(spot => {
    spot.scrollIntoView({block: "center"});
    const box = spot.getBoundingClientRect();
    const under = page.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return under === spot && spot.querySelector("title").textContent.includes("GeV");
  });
  document.getElementById("said").textContent = said.filter(each => each).length + " of " + said.length;
};
"""


@pytest.fixture(scope="module")
def pages(factory: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a page with everything on it, and one of a search that found nothing."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.figures.save", lambda figure, stem: settle(figure))
        return {
            status: write_report(factory.write(folder / status, status)) for status in ("unverified_excess", "none")
        }


def browse(*options: str, page: Path) -> str:
    """Run Chromium on a page and return what it prints."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1500,900"]
    done = subprocess.run([*command, *options, str(page)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("status", "scheme"), [("unverified_excess", "light"), ("unverified_excess", "dark"), ("none", "light")]
)
def test_nothing_sticks_out_at_any_width(pages: dict[str, Path], tmp_path: Path, status: str, scheme: str) -> None:
    # folded parts are unfolded: they have to fit as well
    text = html.escape(pages[status].read_text("utf-8").replace("<details>", "<details open>"))
    frames = "".join(f'<iframe width="{width}" height="900" srcdoc="{text}"></iframe>' for width in WIDTHS)
    shown = tmp_path / "frames.html"
    shown.write_text(f'<!DOCTYPE html><body>{frames}<pre id="said"></pre><script>{LOOK}</script>', "utf-8")
    options = ["--dump-dom"] + (["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else [])
    said = re.search(r'<pre id="said">(.*?)</pre>', browse(*options, page=shown), flags=re.DOTALL)
    assert said is not None
    rows = [line.split("|") for line in said[1].split("\n")]
    for width, (client, scroll, ground, ink, header, wide) in zip(WIDTHS, rows, strict=True):
        assert int(client) == width
        assert int(scroll) <= int(client), wide
        assert wide == "none"
        assert header == ("absolute" if width == 400 else "static"), "tables become cards on a phone"
        bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) > 382 for colour in (ground, ink)]
        assert bright == ([True, False] if scheme == "light" else [False, True]), "figures follow the page"


def test_a_pointer_on_a_bin_or_window_meets_its_numbers(pages: dict[str, Path], tmp_path: Path) -> None:
    text = html.escape(pages["unverified_excess"].read_text("utf-8"))
    shown = tmp_path / "frame.html"
    frame = f'<iframe width="1400" height="900" srcdoc="{text}"></iframe><pre id="said"></pre>'
    shown.write_text(f"<!DOCTYPE html><body>{frame}<script>{POINT}</script>", "utf-8")
    said = re.search(r'<pre id="said">(\d+) of (\d+)</pre>', browse("--dump-dom", page=shown))
    assert said is not None
    assert int(said[1]) == int(said[2]) > 40


@pytest.mark.parametrize(("status", "most"), [("unverified_excess", 8), ("none", 7)])
def test_on_paper_it_takes_few_pages(pages: dict[str, Path], tmp_path: Path, status: str, most: int) -> None:
    paper = tmp_path / "page.pdf"
    browse("--no-pdf-header-footer", f"--print-to-pdf={paper}", page=pages[status])
    number = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert 2 <= number <= most
