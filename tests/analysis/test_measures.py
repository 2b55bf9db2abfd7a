"""The package stays as it is meant to be built: no circles, no long modules, few functions of many arguments."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def measures():
    sys.path.insert(0, str(ROOT / "analysis"))
    try:
        import measures

        return measures
    finally:
        sys.path.remove(str(ROOT / "analysis"))


def test_the_package_keeps_its_measures(measures):
    found = measures.measure(ROOT / "bumphunt")
    assert found["circles"] == []
    assert found["modules_above_400_lines"] == []
    assert found["complexity_above_15"] == 0
    assert found["more_than_6_arguments"]["function"] <= 43, "group what belongs together in a frozen dataclass"
    assert sum(room["lines"] for room in found["rooms"].values()) == found["lines"] > 30_000


def test_imports_within_functions_make_circles_and_those_for_types_none(measures):
    code = {
        "a": "def f():\n    from b import thing",
        "b": "from typing import TYPE_CHECKING\nimport a\nif TYPE_CHECKING:\n    import c",
        "c": "import b",
    }
    graph = {name: measures.imports(ast.parse(text), set(code)) for name, text in code.items()}
    assert graph == {"a": {"b"}, "b": {"a"}, "c": {"b"}}
    assert measures.circles(graph) == [["a", "b"]]


def test_arguments_are_counted_once_a_function(measures):
    text = "class A:\n    @overload\n    def f(self, a): ...\n    def f(self, a, *, b): ...\ndef g(a, b, c): ..."
    counted = {name: len(measures.arguments(node)) for name, node in measures.functions(ast.parse(text))}
    assert counted == {"A.f": 2, "g": 3}
