"""What mkdocs is told beside mkdocs.yml: generated pages, pages from outside docs/, notebooks with their outputs."""

import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pages import ROOT, api_pages, generated_pages

OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "analysis/README.md", "data/README.md")
"""Pages that lie beside docs/ and are shown in the site."""
EXECUTED = ROOT / "out/tutorials"
"""Where `make notebooks` leaves executed notebooks."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give each room its page in the navigation."""
    rooms = [{Path(page).stem: page} for page in api_pages()]
    for entry in config.nav or []:
        if "Reference" in entry:
            entry["Reference"].append({"Python": rooms})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated pages, pages and figures from outside docs/, and put in notebooks with outputs."""
    for path, text in generated_pages().items():
        files.append(File.generated(config, path, content=text))
    for name in OUTSIDE:
        files.append(File.generated(config, name, content=(ROOT / name).read_text("utf-8")))
    for figure in sorted((ROOT / "analysis/results").glob("*.png")):
        path = figure.relative_to(ROOT).as_posix()
        files.append(File.generated(config, path, abs_src_path=str(figure)))
    for file in files:
        if file.src_uri.endswith(".ipynb") and file.abs_src_path:
            done = EXECUTED / Path(file.src_uri).name
            if done.is_file() and sources(done) == sources(Path(file.abs_src_path)):
                file.abs_src_path = str(done)
    return files


def sources(path: Path) -> list[str]:
    """Return the source of each cell of a notebook."""
    return ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that lead out of docs/ lead to the same page of the site; what is not shown loses its link."""
    here = page.file.src_uri
    shown = {file.src_uri for file in files}

    def lead(match: "re.Match[str]") -> str:
        text, target = match.group(1), match.group(2)
        path, _, anchor = target.partition("#")
        found = resolved(here, path)
        if found is None or found not in shown:
            return match.group(1).lstrip("!").strip("[]") if text.startswith("[") else match.group(0)
        up = "../" * here.count("/")
        return f"{text}({up}{found}{'#' + anchor if anchor else ''})"

    return re.sub(r"(!?\[[^\]]*\])\(((?!https?:|mailto:|#)[^)\s]+)\)", lead, markdown)


def resolved(here: str, target: str) -> str | None:
    """Return the path in the site of a link on a page, which is written for the repository."""
    folder = ROOT / here if here in OUTSIDE else ROOT / "docs" / here
    path = (folder.parent / target).resolve()
    if path.is_dir():
        path = path / "README.md"
    for base in (ROOT / "docs", ROOT):
        if path.is_relative_to(base):
            found = path.relative_to(base).as_posix()
            return "README.md" if base == ROOT and found == "README.md" else found
    return None


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take out what notebooks would load from a server: formulas of notebooks are written without it."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    return re.sub(r"<script[^>]*\bsrc=[^>]*>\s*</script>", "", html)
