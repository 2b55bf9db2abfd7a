"""What a stranger finds in the repository: commands that exist, a lock that is one, no leftovers."""

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest

from bumphunt.cli import main

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bumphunt"
MODULES = sorted(PACKAGE.rglob("*.py"))
IMPORTED_AS = {
    "fonttools": "fontTools",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "xgboost-cpu": "xgboost",
}
SELF = Path(__file__).resolve().relative_to(ROOT).as_posix()


@cache
def tracked():
    """Return the files that git tracks."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("git cannot list the files")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def makefile():
    text = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.M))


def commands(text):
    """Yield the command lines of all fenced bash blocks, continuation lines joined."""
    for block in re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ").split(" #")[0].strip()
            if line and not line.startswith("#"):
                yield line


@cache
def readme():
    path = ROOT / "README.md"
    if not path.exists():
        pytest.skip("there is no README.md yet")
    return tuple(commands(path.read_text("utf-8")))


def test_the_reading_of_blocks_itself():
    text = "```bash\n$ make run # the box\nbumphunt run x \\\n  --seed 1\n\n# no\n```\n```python\nimport os\n```\n"
    assert list(commands(text)) == ["make run", "bumphunt run x    --seed 1"]


def test_the_readme_names_only_what_make_can_do():
    named = {word for line in readme() for word in re.findall(r"(?:^|&& |; )make ([a-z][a-z-]*)", line)}
    assert named, "the README says how to run it"
    assert named <= makefile()


def test_the_readme_names_only_verbs_and_options_that_exist():
    found = 0
    for line in readme():
        for tail in re.findall(r"(?:^|[\s/;&])bumphunt ([^|;&>]*)", line):
            words = tail.split()
            if words[0].startswith("-"):
                continue
            if words[0] not in main.commands:
                assert re.match(r"(pip|git|cd|uv) ", line), f"{line}: no verb {words[0]!r}"
                continue
            options = {
                name for p in main.commands[words[0]].params if isinstance(p, click.Option) for name in p.opts
            } | {"--help", "-h"}
            used = {word.split("=")[0] for word in words if word.startswith("--")}
            assert used <= options, f"{line}: {sorted(used - options)}"
            found += 1
    assert found >= 3, "the README shows the commands"


def test_files_that_the_readme_names_exist():
    for line in readme():
        for name in re.findall(r"(?<![\w/.])(?:data|analysis|benchmarks|tests)/[\w./-]+", line):
            assert (ROOT / name).exists(), f"{line}: {name}"


def test_make_help_lists_every_target():
    text = (ROOT / "Makefile").read_text("utf-8")
    described = set(re.findall(r"^([a-z][a-z-]*):.*## ", text, re.M))
    assert described == makefile()
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split())
    assert described <= phony
    assert {"run", "test", "lint"} <= described


def test_make_names_only_scripts_and_verbs_that_exist():
    text = (ROOT / "Makefile").read_text("utf-8")
    for name in re.findall(r"\b(?:analysis|data|benchmarks)/[\w./-]+", text):
        assert (ROOT / name).exists(), name
    for verb in re.findall(r"\$\(BIN\)/bumphunt (\S+)", text):
        assert verb in main.commands


def test_the_lock_pins_everything_with_hashes_and_names_no_place():
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    pinned = re.compile(
        r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)(?P<marker> ; [^\\]+)?"
        r"(?: --hash=sha256:[0-9a-f]{64})+"
    )
    entries = [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines()]
    entries = [line for line in entries if line and not line.startswith("#")]
    assert len(entries) > 50
    bad = [line[:80] for line in entries if not pinned.fullmatch(line)]
    assert not bad


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def distribution(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement).group().lower()


def test_the_lock_holds_all_that_is_needed():
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.M))
    extras = project()["optional-dependencies"]
    wanted = [r for extra in ("simulation", "root", "dask", "dev") for r in extras[extra]]
    for requirement in [*project()["dependencies"], *wanted]:
        assert distribution(requirement) in locked, requirement


@cache
def imported():
    """Return the top-level modules that the package imports, anywhere, and by which file."""
    names = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module" and node.args:
                modules = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
            else:
                continue
            for module in modules:
                names.setdefault(module.split(".")[0], path)
    return names


def test_every_dependency_is_imported():
    for requirement in project()["dependencies"]:
        name = distribution(requirement)
        assert IMPORTED_AS.get(name, name).replace("-", "_") in imported(), f"{name} is needed by nothing"


def test_every_import_is_a_dependency():
    extras = project()["optional-dependencies"]
    used = ("simulation", "root", "dask", "publish", "onnx")
    wanted = [*project()["dependencies"], *(requirement for extra in used for requirement in extras[extra])]
    arrive_with = {
        "pillow": "matplotlib",
        "fonttools": "matplotlib",
        "onnx": "onnxmltools",
        "typing-extensions": "pydantic",
    }
    for name, parent in arrive_with.items():
        assert name in {distribution(requirement) for requirement in importlib.metadata.requires(parent)}
    names = [*arrive_with, *map(distribution, wanted)]
    known = {IMPORTED_AS.get(name, name).replace("-", "_") for name in names}
    unknown = {
        name: path.name
        for name, path in imported().items()
        if name not in known and name not in sys.stdlib_module_names and name != "bumphunt"
    }
    assert not unknown


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_are_short_and_silent(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 400
    calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    if path.parent.name != "cli":
        assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    names = {ast.unparse(call) for call in calls}
    assert not names & {
        "np.random.seed",
        "numpy.random.seed",
        "random.seed",
        "pickle.load",
        "pickle.dump",
        "joblib.dump",
    }


ATTACHED = [
    "import lazy_loader",
    "__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)",
]


TIES_SETTLED = {"bumphunt/scores/ranks.py", "bumphunt/preprocessing/content.py"}
"""Where equal values are ordered by a second criterion afterwards, which is faster than to sort by both."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_order_of_equal_values_does_not_hang_on_the_processor(path):
    """numpy sorts by other instructions on another processor, and leaves equal values in another order."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    unstable = [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"argsort", "argpartition", "sort_values"}
        and not any(word.arg == "kind" and ast.unparse(word.value) == "'stable'" for word in call.keywords)
    ]
    assert not unstable or path.relative_to(ROOT).as_posix() in TIES_SETTLED


def test_rooms_are_closed():
    for path in PACKAGE.glob("*/__init__.py"):
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree)
        # currencies and the front door are imported by one name; other rooms name what is public in a stub beside
        if path.parent.name in ("cli", "config", "results"):
            assert all(isinstance(node, ast.ImportFrom | ast.Assign) for node in tree.body[1:])
        elif path.with_suffix(".pyi").exists():
            body = [ast.unparse(node) for node in tree.body[1:]]
            if any(line.startswith("_RENAMED = ") for line in body):
                # old names warn before they lead to the new ones, as at the top of the package
                assert ATTACHED[1].replace("__getattr__", "_attached") in body, path
                kinds = [type(node) for node in tree.body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
                assert kinds == [ast.Assign, ast.Expr, ast.Assign, ast.FunctionDef], path
            else:
                assert body == ATTACHED, path
        else:
            assert len(tree.body) == 1, f"{path}: a docstring and no more"
    for name in ("utils", "helpers", "common", "misc"):
        assert not list(PACKAGE.rglob(f"{name}*.py"))


def test_no_tracked_file_is_large():
    sizes = {name: (ROOT / name).stat().st_size for name in tracked()}
    assert not {name: size for name, size in sizes.items() if size > 20_000_000}


def test_no_tracked_file_names_a_place_on_one_machine():
    place = re.compile(rb"(?<![\w.}$)])/(?:work|tmp|root|home/[a-z]+)/")
    found = {}
    for name in tracked():
        if name == SELF or name.endswith((".parquet", ".npz", ".h5", ".png", ".pdf")):
            continue
        for number, line in enumerate((ROOT / name).read_bytes().splitlines(), start=1):
            if place.search(line):
                found[f"{name}:{number}"] = line[:100]
    assert not found


def test_nothing_made_is_tracked():
    unwanted = re.compile(r"(^|/)(__pycache__|\.venv|out|\.pytest_cache|\.hypothesis|dist|build)/|\.pyc$|\.part$|~$")
    assert not [name for name in tracked() if unwanted.search(name)]


def test_the_shipped_data_say_what_they_are():
    text = (ROOT / "data/README.md").read_text("utf-8")
    for path in (ROOT / "data").iterdir():
        if path.name != "README.md" and not path.name.startswith("."):
            assert path.name in text or f"*{path.name[path.name.rfind('_') :]}" in text, f"{path.name} is not described"
    for word in ("seed", "Pythia", "icen"):
        assert word in text


def test_the_version_stands_in_one_place():
    import bumphunt

    assert "version" not in project()
    assert project()["dynamic"] == ["version"]
    place = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{bumphunt.__version__}"' in (ROOT / place).read_text("utf-8")
    # files that no program reads the version of
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^version: \"?{re.escape(bumphunt.__version__)}\"?$", citation, re.M)
    assert f"\n## {bumphunt.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


RESULTS = sorted((ROOT / "analysis/results").rglob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_stored_result_says_where_it_comes_from(path):
    stored = json.loads(path.read_text("utf-8"))
    assert {"commit", "config", "seed", "command"} <= set(stored)
    assert re.fullmatch(r"[0-9a-f]{7,40}", stored["commit"])
    assert re.match(r"(make|python) \S+", stored["command"])


@pytest.mark.parametrize("path", sorted((ROOT / "analysis/results").rglob("*.jsonl")), ids=lambda path: path.stem)
def test_every_line_of_a_study_says_where_it_comes_from(path):
    for line in path.read_text("utf-8").splitlines():
        assert {"commit", "config", "seed", "command"} <= set(json.loads(line))
