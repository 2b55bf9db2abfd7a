"""How is the package built? Sizes of rooms, long argument lists, complexity, circles, import time, longest repr.

    python analysis/measures.py --output analysis/results/measures.json
    git worktree add out/before 90e88e0 && python analysis/measures.py --before out/before/bumphunt

Reads the code of a package as text, so that an older version can be measured in the same way. Times and objects are of
the installed package.
"""

import argparse
import ast
import dataclasses
import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boxes

MOST_ARGUMENTS, MOST_COMPLEX, MOST_LINES = 6, 15, 400
TRAVELLERS = ("events", "config", "seed", "sqrt_s")
"""Names of parameters whose way through the package is followed."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, Function]]:
    """Give every function with the name of its class; other signatures (``overload``) are the same function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{node.name}.")
        elif isinstance(node, Function):
            if "overload" not in {ast.unparse(each) for each in node.decorator_list}:
                yield owner + node.name, node
            yield from functions(node, owner)
        else:
            yield from functions(node, owner)


def arguments(function: Function) -> list[str]:
    """Return the names of its arguments, without the object itself."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def kind(path: Path, name: str) -> str:
    """Return what kind of function it is: options of a command and settings of an estimator have to be arguments."""
    if "cli" in path.parts:
        return "command"
    return "estimator" if name.endswith(".__init__") else "function"


def long_lists(trees: dict[Path, ast.AST]) -> list[dict[str, Any]]:
    """Return the functions with more than six arguments, the longest first."""
    found = [
        {"where": path.as_posix(), "name": name, "arguments": len(arguments(node)), "kind": kind(path, name)}
        for path, tree in trees.items()
        for name, node in functions(tree)
        if len(arguments(node)) > MOST_ARGUMENTS
    ]
    return sorted(found, key=lambda each: (-int(str(each["arguments"])), each["where"], each["name"]))


def imports(tree: ast.AST, modules: set[str]) -> set[str]:
    """Return the modules of the package that a module imports, inside functions too, but not those for types alone."""
    found = set()
    types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                inner if (inner := f"{node.module}.{alias.name}") in modules else node.module for alias in node.names
            }
    return found & modules


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other in a loop."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            if (here := todo.pop()) not in seen:
                seen.add(here)
                todo += graph[here]
        reach[start] = seen
    rings = {tuple(sorted(b for b in reach[a] if a in reach[b])) for a in graph if a in reach[a]}
    return [list(ring) for ring in sorted(rings)]


def complex_functions(package: Path) -> int:
    """Return how many functions are more complex than 15 (McCabe), as ruff counts."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--output-format", "json"]
    command += ["--config", f"lint.mccabe.max-complexity={MOST_COMPLEX}", str(package)]
    return len(json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout))


def cpu_seconds(code: str) -> float:
    """Return the CPU seconds that a fresh interpreter spends on some code beyond its own start, the least of five."""

    def spent(text: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return round(min(spent(code) for _ in range(5)) - min(spent("") for _ in range(5)), 3)


def objects(found: Any) -> Iterator[Any]:
    """Give a result and all results that it is made of."""
    if dataclasses.is_dataclass(found):
        yield found
        for field in dataclasses.fields(found):
            yield from objects(getattr(found, field.name))
    elif isinstance(found, list | tuple):
        for each in found:
            yield from objects(each)


def longest_repr() -> dict[str, Any]:
    """Return the longest repr among all that a hunt gives."""
    import bumphunt

    light = {"cwola": {"repeats": 2, "folds": 2, "max_iter": 10}, "vae": {"enabled": False}}
    box = bumphunt.read_events("data/lhco_rnd.parquet").drop(columns="label").iloc[:30_000]
    found = bumphunt.hunt(box, config={**light, "autoencoder": {"enabled": False}})
    results = [found, *objects(found.result), *objects(found.products)]
    lengths = [(len(repr(each)), type(each).__name__) for each in results]
    length, name = max(lengths)
    return {"longest_repr": length, "of": name, "kinds": len({kind for _, kind in lengths})}


def measure(package: Path) -> dict[str, Any]:
    """Return the measures of the code of a package."""
    files = {path.relative_to(package.parent): path.read_text("utf-8") for path in sorted(package.rglob("*.py"))}
    trees: dict[Path, ast.AST] = {path: ast.parse(text) for path, text in files.items()}
    names = {path: ".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files}
    lines = {path: len(text.splitlines()) for path, text in files.items()}
    rooms: dict[str, dict[str, int]] = {}
    for path, number in lines.items():
        room = rooms.setdefault(path.parts[1] if len(path.parts) > 2 else path.stem, {"files": 0, "lines": 0})
        room["files"] += 1
        room["lines"] += number
    many = long_lists(trees)
    taken = [(name, path) for path, tree in trees.items() for _, node in functions(tree) for name in arguments(node)]
    return {
        "files": len(files),
        "lines": sum(lines.values()),
        "rooms": rooms,
        "modules_above_400_lines": sorted(path.as_posix() for path, number in lines.items() if number > MOST_LINES),
        "more_than_6_arguments": dict(Counter(each["kind"] for each in many)),
        "functions": [
            f"{each['where']}:{each['name']} {each['arguments']}" for each in many if each["kind"] == "function"
        ],
        "complexity_above_15": complex_functions(package),
        "circles": circles({names[path]: imports(tree, set(names.values())) for path, tree in trees.items()}),
        "taken_by": {
            name: {
                "functions": sum(each == name for each, _ in taken),
                "modules": len({path for each, path in taken if each == name}),
            }
            for name in TRAVELLERS
        },
    }


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return the measures that fit a line each."""
    many = found["more_than_6_arguments"]
    return {
        "files": found["files"],
        "lines": found["lines"],
        "rooms": len(found["rooms"]),
        "modules above 400 lines": len(found["modules_above_400_lines"]),
        "functions of more than 6 arguments": sum(many.values()),
        "without commands and settings of estimators": many.get("function", 0),
        "complexity above 15": found["complexity_above_15"],
        "circles": len(found["circles"]),
        **{f"modules that take {name}": found["taken_by"][name]["modules"] for name in TRAVELLERS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=Path("bumphunt"))
    parser.add_argument("--before", type=Path, help="the package of an older version, to compare with")
    parser.add_argument("--no-objects", action="store_true", help="the code alone: no import times, no repr")
    parser.add_argument("--output", type=Path, help="write them as JSON")
    given = parser.parse_args()
    found: dict[str, Any] = measure(given.package.resolve())
    columns = {"now": summary(found)}
    if given.before is not None:
        before = measure(given.before.resolve())
        found["before"] = {name: before[name] for name in before if name not in ("rooms", "functions")}
        columns = {"before": summary(before), **columns}
    for name in columns["now"]:
        print(f"{name:45}", *(f"{column[name]:>8}" for column in columns.values()))
    if not given.no_objects:
        times = {"import bumphunt": "import bumphunt", "import bumphunt.cli": "import bumphunt.cli"}
        found["import_cpu_seconds"] = {name: cpu_seconds(code) for name, code in times.items()}
        found |= longest_repr()
        print(found["import_cpu_seconds"], "longest repr:", found["longest_repr"], found["of"])
    if given.output is not None:
        origin = {"commit": boxes.commit(), "config": None, "seed": None, "command": " ".join(["python", *sys.argv])}
        given.output.write_text(json.dumps({**origin, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
