"""What a release needs agrees with pyproject.toml: recipes, workflows, metadata."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import bumphunt

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RECIPE = (ROOT / "packaging/conda-forge/meta.yaml").read_text("utf-8")
CONDA = {"matplotlib-base": "matplotlib", "py-xgboost": "xgboost"}
PYTHONS = [
    found.group(1) for text in PROJECT["classifiers"] if (found := re.search(r"Python :: (3\.\d+)$", text)) is not None
]


def bounds(requirement: str) -> tuple[str, str]:
    """Return name and version bounds of a requirement, without markers."""
    name, wanted = re.match(r"([A-Za-z0-9._-]+)\s*([^;]*)", requirement).groups()
    return name.lower(), wanted.replace(" ", "")


def test_pythons_are_named_once_and_the_same_everywhere():
    assert PYTHONS == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    nox = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    [named] = [node.value for node in nox.body if isinstance(node, ast.Assign) and "PYTHONS" in ast.unparse(node)][:1]
    assert list(ast.literal_eval(named)) == PYTHONS
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))
    assert release["jobs"]["try"]["strategy"]["matrix"]["python"] == PYTHONS


def test_the_recipe_asks_for_what_the_package_asks_for():
    section = RECIPE.split("  run:\n")[1].split("\ntest:")[0]
    rows = [line.strip().removeprefix("- ") for line in section.splitlines() if line.strip().startswith("- ")]
    recipe = {CONDA.get(name, name): wanted for name, _, wanted in (row.partition(" ") for row in rows)}
    assert recipe.pop("python") == ">={{ python_min }}"
    wanted = dict(bounds(requirement) for requirement in PROJECT["dependencies"])
    wanted = {name: text for name, text in wanted.items() if name not in ("xgboost-cpu", "tensorflow-cpu")}
    assert recipe == wanted


def test_versions_agree():
    assert f'{{% set version = "{bumphunt.__version__}" %}}' in RECIPE
    zenodo = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    assert zenodo["license"] == PROJECT["license"]
    assert set(zenodo["keywords"]) <= set(PROJECT["keywords"])
    assert "version" not in zenodo, "Zenodo takes it from the tag"


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / ".github").rglob("*.yml")), ROOT / ".pre-commit-config.yaml"], ids=lambda path: path.name
)
def test_files_of_the_forge_are_yaml(path):
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


def test_publishing_stores_no_secret():
    text = (ROOT / ".github/workflows/release.yml").read_text("utf-8")
    assert "secrets." not in text
    publish = yaml.safe_load(text)["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "try"


def test_hooks_and_workflows_name_what_make_can_do():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for path in (ROOT / ".pre-commit-config.yaml", *(ROOT / ".github/workflows").glob("*.yml")):
        named = set(re.findall(r"(?:entry|run): make ([a-z-]+)", path.read_text("utf-8")))
        assert named <= targets
    for name in ("tests/wheel/smoke.py", "Containerfile", "SECURITY.md", "requirements.lock"):
        assert (ROOT / name).exists()
