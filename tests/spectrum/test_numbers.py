"""Numbers that shape an answer have a name and a reason, in the rooms of spectra and of significance."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "bumphunt"
MODULES = sorted([*PACKAGE.glob("spectrum/**/*.py"), *PACKAGE.glob("significance/**/*.py")])


def is_number(node):
    if isinstance(node, ast.Tuple):
        return bool(node.elts) and all(is_number(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        return all(is_number(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def undocumented(text):
    """Return the module-level numbers that no string explains."""
    body = ast.parse(text).body
    found = []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_number(node.value):
            explained = isinstance(after, ast.Expr) and isinstance(getattr(after, "value", None), ast.Constant)
            if not explained:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_number_of_a_module_says_what_it_is(path):
    assert undocumented(path.read_text("utf-8")) == []


def test_a_bare_number_would_be_seen():
    assert undocumented('X = 3.0\nY: int = -2\nZ = (1, 2.5)\nA = "text"\n"""No number."""\n') == [
        "X = 3.0",
        "Y: int = -2",
        "Z = (1, 2.5)",
    ]
    assert undocumented('X = 3.0\n"""Three."""\n') == []
