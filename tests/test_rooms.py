"""Files and folders are known in a few rooms only; the others are handed tables, arrays and results."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "bumphunt"
KNOW_FILES = ("jobs", "sources", "simulation", "report", "cli")
PATHS = {"Path", "PathLike", "PosixPath"}
TOUCH = {
    *("open", "read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "unlink", "rename", "stat"),
    *("load", "save", "savez", "savez_compressed", "fromfile", "tofile", "memmap", "read_csv", "read_parquet"),
    *("to_csv", "to_parquet", "read_hdf", "mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile"),
    *("ZipFile", "write_atomically", "write_json", "replace_folder"),
}
"""Calls that go to the disk."""
MODULES = ("np", "numpy", "pd", "os", "tempfile", "zipfile", "skops", "files")
"""Modules whose functions of these names do; ``load`` and ``save`` of objects are seen by the paths they take."""

EXEMPT = {
    "files": "what every room that writes a file writes it with",
    "locks": "a lock is a file",
    "address_space": "asks the system for the memory of the process",
    "execution": "hands arrays to worker processes by temporary files",
    "parcels": "hands arrays to worker processes by temporary files",
    "config.reading": "a configuration is a file of the user's, whoever runs with it",
    "scores": "what has learned keeps itself: save and load of estimators",
    "preprocessing.scaling": "what has learned keeps itself: save and load of the front end",
    "masses.signal_table": "pack_signal writes the table that the package ships, and is public under its old name",
}
"""Modules, or rooms, that know files all the same, and why."""


def shipped(node: ast.expr) -> bool:
    """Tell whether it is a file of the package: ``importlib.resources.files(...)`` and what hangs on it."""
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "files":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def touches_files(text: str) -> list[str]:
    """Return where a module takes or gives a path, makes one, or goes to the disk by itself."""
    found = []
    tree = ast.parse(text)
    opened = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name) and shipped(item.context_expr)
    }
    annotations = [getattr(node, "annotation", getattr(node, "returns", None)) for node in ast.walk(tree)]
    for said in annotations:
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            found += touches_files(said.value)
    for node in ast.walk(tree):
        named = {ast.Name: "id", ast.Attribute: "attr"}.get(type(node))
        if named is not None and getattr(node, named) in PATHS:
            found.append(f"{node.lineno}: {getattr(node, named)}")
        if not isinstance(node, ast.Call) or shipped(node):
            continue
        if any(isinstance(each, ast.Name) and each.id in opened for each in node.args):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id in TOUCH - {"load", "save"}:
            found.append(f"{node.lineno}: {function.id}()")
        if isinstance(function, ast.Attribute) and function.attr in TOUCH:
            of = function.value.id if isinstance(function.value, ast.Name) else ""
            if of in MODULES or function.attr not in ("load", "save", "open", "stat", "rename"):
                found.append(f"{node.lineno}: {of}.{function.attr}()")
    return found


def exemption(module: str) -> str | None:
    return next((name for name in EXEMPT if module == name or module.startswith(f"{name}.")), None)


MODULES_WITHOUT_FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in KNOW_FILES
}


def test_only_a_few_rooms_know_files():
    found = {name: touches_files(path.read_text("utf-8")) for name, path in MODULES_WITHOUT_FILES.items()}
    assert len(found) > 150
    assert {name: lines for name, lines in found.items() if lines and exemption(name) is None} == {}


@pytest.mark.parametrize("name", EXEMPT)
def test_no_exemption_outlives_its_reason(name):
    modules = [path for module, path in MODULES_WITHOUT_FILES.items() if exemption(module) == name]
    assert any(touches_files(path.read_text("utf-8")) for path in modules)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("def f(path: str | Path) -> None: ...", True),
        ("def f(path: 'os.PathLike[str]') -> None: ...", True),
        ("def f(path: os.PathLike) -> None: ...", True),
        ("open(name)", True),
        ("np.load(name)", True),
        ("table.to_parquet(name)", True),
        ("pathlib.Path(name).read_text()", True),
        ("files('bumphunt.masses').joinpath('a.npz').read_text()", False),
        ("with files('bumphunt.masses').joinpath('a.npz').open('rb') as file, np.load(file) as stored: ...", False),
        ("fig.legend(loc='best')", False),
        ("text.replace('a', 'b')", False),
    ],
)
def test_what_counts_as_knowing_files(line, seen):
    assert bool(touches_files(line)) is seen
