"""The paper: every number is that of a result, and none is typed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "paper"
TEXT = "\n".join(
    re.sub(r"(?<!\\)%.*", "", line) if "results begin" not in line and "results end" not in line else line
    for line in (PAPER / "main.tex").read_text("utf-8").splitlines()
)
BODY = TEXT[TEXT.index(r"\begin{document}") :]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    done = subprocess.run(
        [sys.executable, "analysis/paper_numbers.py", "--output", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def paths(text):
    """Return the paths of numbers that are asked for."""
    return set(re.findall(r"\\val\{([^#}]+)\}", text))


def guarded(text):
    """Return the paths that are asked for only if another one is there, with that other one."""
    found = {}
    for match in re.finditer(r"\\ifval\{([^#}]+)\}\{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        for path in paths(text[match.end() : end]):
            found[path] = match.group(1)
    return found


def test_the_reading_of_guards_itself():
    assert guarded(r"\ifval{a.b}{x \val{a.c} {y}}{} \val{d}") == {"a.c": "a.b"}


def test_the_paper_holds_the_numbers_of_the_results(written):
    for path in sorted(PAPER.glob("generated/*.tex")):
        assert (written / path.name).read_text("utf-8") == path.read_text("utf-8"), f"{path.name}: run make paper"
    assert {path.name for path in written.iterdir()} == {path.name for path in PAPER.glob("generated/*.tex")}


def test_every_number_asked_for_is_there(written):
    defined = set(re.findall(r"val@([^\\]+)\\endcsname", (written / "macros.tex").read_text("utf-8")))
    condition = guarded(BODY)
    asked = {path for path in paths(BODY) if path not in condition or condition[path] in defined}
    assert not asked - defined
    assert len(paths(BODY)) > 30


def test_no_number_is_typed_in_the_results():
    results = TEXT[TEXT.index("% results begin") : TEXT.index("% results end")]
    bare = re.sub(r"\\(?:val|ifval|label|ref|cite|input)\{[^}]*\}", "", results)
    bare = re.sub(r"\\(?:result|study)figure(?:\[[^]]*\])?\{[^}]*\}|\\resulttable\{[^}]*\}", "", bare)
    bare = (
        bare.replace(r"68\,\%", "").replace("z^2", "").replace(r"\sigma^2", "").replace("CL$_s$", "")
    )  # a definition and names
    found = [line.strip() for line in bare.splitlines() if re.search(r"\d", line)]
    assert not found


def test_figures_and_references_exist():
    results = ROOT / "analysis/results"
    listed = (ROOT / "analysis/README.md").read_text("utf-8")
    figures = re.findall(r"\\(result|study)figure(?:\[[^]]*\])?\{(\w+)\}", BODY)
    assert len(figures) >= 5
    for kind, name in figures:
        made = (results / ("studies" if kind == "study" else "") / f"{name}.png").exists()
        assert made or (kind == "study" and f"`{name}.png`" in listed), name
    entries = set(re.findall(r"^@\w+\{(\w+),", (PAPER / "references.bib").read_text("utf-8"), re.M))
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", BODY) for key in keys.split(",")}
    assert cited == entries
    made = set(re.findall(r"\\resulttable\{(\w+)\}", BODY)) | {name for _, name in figures}
    referred = {name.removeprefix("fig:").removeprefix("tab:") for name in re.findall(r"\\ref\{([\w:]+)\}", BODY)}
    assert referred <= made


def test_published_numbers_name_their_source():
    for name, entry in json.loads((PAPER / "literature.json").read_text("utf-8")).items():
        assert re.search(r"arXiv:\d{4}\.\d{5}|Vaupotič", entry["source"]), name


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="LaTeX is not installed")
def test_the_paper_compiles(tmp_path):
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", f"-outdir={tmp_path}", "main.tex"]
    done = subprocess.run(command, cwd=PAPER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    log = (tmp_path / "main.log").read_text("latin-1")
    assert "undefined" not in log.split("Output written")[0].rsplit("Package rerunfilecheck", 1)[-1]
