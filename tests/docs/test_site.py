"""The site: builds without warnings, asks no server, and its reference holds all there is in the code."""

import dataclasses
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

import bumphunt
from bumphunt.cli import main
from bumphunt.config import AnalysisConfig
from bumphunt.events import COLUMNS
from bumphunt.results import AnalysisResult, Answers

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def hook(name: str) -> ModuleType:
    """Load a module of docs/hooks, as mkdocs does."""
    spec = importlib.util.spec_from_file_location(f"docs_hooks_{name}", DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly by a process that cannot reach any server."""
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, **nowhere, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return folder


def text_of(site: Path, page: str) -> str:
    return (site / page / "index.html").read_text("utf-8")


def test_every_page_is_there(site: Path) -> None:
    pages = [path.relative_to(DOCS) for path in [*DOCS.glob("*.md"), *DOCS.rglob("*.ipynb")]]
    for page in pages:
        place = site if page.name == "README.md" else site / page.with_suffix("")
        assert (place / "index.html").exists(), page


LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|data)=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b(?![^>]*rel=[\"']?(?:canonical|prev|next))[^>]*href=[\"']?(?:https?:)?//[^>]*>"
)
FROM_STYLES = re.compile(r"(?:url\(|@import )\s*[\"']?(?:https?:)?//[^)]*")


def test_the_pattern_knows_a_request() -> None:
    assert LOADED.search('<script defer src="https://cdn.example/x.js"></script>')
    assert LOADED.search('<link rel="stylesheet" href="//fonts.example/x.css">')
    assert not LOADED.search('<a href="https://example.org">')
    assert FROM_STYLES.search("@import url(https://fonts.example/x)")


def test_no_page_asks_a_server(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert not LOADED.findall(path.read_text("utf-8")), path
    for path in site.rglob("*.css"):
        assert not FROM_STYLES.findall(path.read_text("utf-8")), path


def test_the_reference_holds_every_command_and_option(site: Path) -> None:
    page = text_of(site, "reference/commands")
    for verb, command in main.commands.items():
        context = click.Context(command)
        assert f'id="{verb}"' in page
        for parameter in command.params:
            option = isinstance(parameter, click.Option)
            shown = parameter.opts[0] if option else parameter.make_metavar(context)
            assert shown in page, f"{verb} {shown}"


def test_the_reference_holds_every_key_and_column(site: Path) -> None:
    page = text_of(site, "reference/configuration")
    for name in AnalysisConfig.model_fields:
        value = getattr(AnalysisConfig(), name)
        for key in getattr(type(value), "model_fields", {}):
            assert f"<code>{name}.{key}</code>" in page
        if not hasattr(type(value), "model_fields"):
            assert f"<code>{name}</code>" in page
    columns = text_of(site, "reference/columns")
    assert all(f"<code>{name}</code>" in columns for name in COLUMNS)


def test_the_reference_holds_every_public_name(site: Path) -> None:
    pages = hook("pages")
    rooms = [name for name in bumphunt.__all__ if hasattr(getattr(bumphunt, name), "__all__")]
    for room in rooms:
        if room in ("events", "selection"):  # rooms of one file
            continue
        page = text_of(site, f"reference/api/{room}")
        for name in getattr(bumphunt, room).__all__:
            place = pages.public_names(ROOT / "bumphunt" / room)[name]
            assert name in pages.ALIASES or f'id="{place}"' in page, f"{room}.{name}"
    top = text_of(site, "reference/api/bumphunt")
    assert 'id="bumphunt.jobs.hunt.hunt"' in top


def test_roles_of_docstrings_are_shown_as_code(site: Path) -> None:
    for path in (site / "reference").rglob("index.html"):
        assert not re.findall(r":(?:func|class|mod|meth|data):", path.read_text("utf-8")), path


def keys_of_table(text: str, heading: str) -> set[str]:
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| (.*?) \|", part, re.M) for name in re.findall(r"`(\w+)`", row)}


def test_every_field_of_the_result_is_described() -> None:
    text = (DOCS / "result.md").read_text("utf-8")
    for kind, heading in ((AnalysisResult, "The file"), (Answers, "answers")):
        fields = {field.name for field in dataclasses.fields(kind)}
        assert keys_of_table(text, heading) == fields, heading


def test_a_notebook_with_outputs_is_shown_only_if_it_is_the_same(tmp_path: Path) -> None:
    source = DOCS / "gallery.ipynb"
    cells = [cell["source"] for cell in json.loads(source.read_text("utf-8"))["cells"]]
    other = tmp_path / "gallery.ipynb"
    other.write_text(json.dumps({"cells": [{"source": cell} for cell in cells[1:]]}), "utf-8")
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    sys.path.insert(0, str(DOCS / "hooks"))
    try:
        sources = hook("site").sources
    finally:
        sys.path.remove(str(DOCS / "hooks"))
    assert sources(source) != sources(other)
    assert sources(source) == sources(source)
