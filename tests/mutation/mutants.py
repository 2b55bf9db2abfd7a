"""Change the program in one small place after the other and see whether a test of that room fails.

    python tests/mutation/mutants.py --rooms significance spectrum --sample 40

Mutants: comparisons moved by one place or turned round, + and - and * and / exchanged, constants shifted, ``and`` and
``or`` exchanged, conditions negated. Each is run in a copy of the package, against those tests of its room (its folder
of tests and the examples of its docstrings) that call the changed function, the cheapest first and no longer than
``--seconds``; those that none notices are named. Which tests call what is traced once a test file and kept in
``out/mutants`` until that file or the room changes. Needs ``os.fork``.

Left alone is what no result depends on: types, overloads, messages, clocks and threads; numbers up to 1e-6, which
guard a division or end an iteration, and whether they are added or taken off; what :data:`EFFORT` names; how often a
loop runs at most that counts to 20 or more and has no use for the number, which halves an interval or a step; and the
mutants that ``equivalent.py`` lists. All others that change nothing count as survivors.
"""

import argparse
import ast
import copy
import importlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from equivalent import BEGINNINGS, CONTINUOUS, STEERING
from tracing import run, trace_room

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("significance", "spectrum", "pipeline", "masses")
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}  # fmt: skip

TINY = 1e-6
MANY_TIMES = 20
EFFORT = {
    "BLOCK": "rows treated together",
    "_CHUNK": "rows treated together",
    "MAX_STEPS": "steps after which an iteration that ends long before is given up",
    "SCORING_STEPS": "steps of one way to the maximum before another is tried, which ends at the same",
}


def changes(tree, module=""):
    """Return the places that can be changed: the number of the node in the tree, and which of its operators."""
    found, untouched, unmoved = [], set(), CONTINUOUS.get(module, ())
    for node in ast.walk(tree):
        untouched.update(id(part) for root in _without_effect(node) for part in ast.walk(root))
        if isinstance(node, ast.FunctionDef) and node.name in BEGINNINGS.get(module, ()):
            untouched.update(id(part) for part in ast.walk(node))
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in untouched or _is_guard(node):
            continue
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
            found.append((number, 0))
        elif isinstance(node, ast.Compare):
            moved = () if ast.unparse(node) in unmoved else (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
            turned = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
            found += [(number, place) for place, op in enumerate(node.ops) if isinstance(op, (*moved, *turned))]
        elif isinstance(node, ast.If | ast.IfExp) or (
            isinstance(node, ast.Constant) and type(node.value) in (int, float) and not isinstance(node.value, bool)
        ):
            found.append((number, 0))
    return found


def _without_effect(node):
    """Return the parts of a node that tests are not meant to notice: messages, types, and effort."""
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return [node]
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return [node]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in EFFORT:
        return [node]
    if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == "_":
        match node.iter:
            case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(times))]) if times >= MANY_TIMES:
                return [node.iter]
    if isinstance(node, ast.keyword) and node.arg in ("stacklevel", "seconds", "threads"):
        return [node]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "threads":
        return [node]
    if isinstance(node, ast.arguments):
        pairs = zip(node.kwonlyargs, node.kw_defaults, strict=True)
        return [default for argument, default in pairs if argument.arg == "threads" and default is not None]
    if isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list
    ):
        return [node]
    return [part for name in ("annotation", "returns") if isinstance(part := getattr(node, name, None), ast.AST)]


def _is_guard(node):
    """Tell whether a node is a tiny number, or adds one or takes one off."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        return any(isinstance(side, ast.Constant) and _is_guard(side) for side in (node.left, node.right))
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0.0 < node.value <= TINY


def mutated(source, number, place):
    """Return the source with one place changed, its line, and what was done."""
    tree = copy.deepcopy(ast.parse(source))
    node = list(ast.walk(tree))[number]
    before = ast.unparse(node)
    if isinstance(node, ast.Compare):
        node.ops[place] = OPERATORS[type(node.ops[place])]()
    elif isinstance(node, ast.If | ast.IfExp):
        before = ast.unparse(node.test)
        node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
    elif isinstance(node, ast.Constant):
        node.value = node.value + 1 if isinstance(node.value, int) else node.value * 1.25 + (node.value == 0.0)
    else:
        node.op = OPERATORS[type(node.op)]()
    after = ast.unparse(node.test if isinstance(node, ast.If | ast.IfExp) else node)
    return ast.unparse(ast.fix_missing_locations(tree)), node.lineno, f"{before}  ->  {after}"


def functions(tree):
    """Return first and last line of each function, the innermost last; decorators belong to it."""
    spans = [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return sorted(spans)


def users(folder, source, line):
    """Return what uses the names that are given at a line outside of functions: modules and first lines of functions.

    A name that is made of such a name is one as well.
    """
    trees = {path.relative_to(folder).as_posix(): ast.parse(path.read_text("utf-8")) for path in folder.rglob("*.py")}
    given = [pair for tree in trees.values() for node in tree.body for pair in _given(node)]
    at = [node for node in ast.parse(source).body if node.lineno <= line <= node.end_lineno]
    names = {name for node in at for name, _ in _given(node)}
    while more := {name for name, value in given if name not in names and _names(value) & names}:
        names |= more
    return {
        (module, min([node.lineno, *(each.lineno for each in node.decorator_list)]))
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and _names(node) & names
    }


def _given(node):
    """Return the names that an assignment gives, each with its value."""
    match node:
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(name, value) for name in _names(target)]
    return []


def _names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def interval(k, n, level=0.68):
    """Return the Clopper-Pearson interval of a share."""
    from scipy.stats import beta

    tail = 0.5 * (1.0 - level)
    return (
        float(beta.ppf(tail, k, n - k + 1)) if k else 0.0,
        float(beta.ppf(1.0 - tail, k + 1, n - k)) if k < n else 1.0,
    )


def planned(root, options):
    """Return the mutants in the order in which they are tried: room, path, number of the node, place."""
    plan = []
    for room in options.rooms:
        for path in sorted((root / "bumphunt" / room).rglob("*.py")):
            if not options.modules or path.name in options.modules:
                module, source = path.relative_to(root / "bumphunt").as_posix(), path.read_text("utf-8")
                tree, lines = ast.parse(source), [line.strip() for line in source.splitlines()]
                nodes = list(ast.walk(tree))
                plan += [
                    (room, path, number, place)
                    for number, place in changes(tree, module)
                    if lines[nodes[number].lineno - 1] not in STEERING.get(module, ())
                ]
    random.Random(options.seed).shuffle(plan)
    return plan


def again(root, plan, survivors):
    """Return those of the plan that survived before."""
    named = {line["where"].partition(":")[0] + line["what"] for line in survivors}
    return [
        each
        for each in plan
        if f"{each[1].relative_to(root)}{mutated(each[1].read_text('utf-8'), *each[2:])[2]}" in named
    ]


def tried(root, work, covered, mutant, seconds):
    """Try one mutant: return whether a test noticed, where it is, what was done, and how many tests reach it."""
    room, path, number, place = mutant
    source = path.read_text("utf-8")
    changed, line, what = mutated(source, number, place)
    target = work / path.relative_to(root)
    starts = [low for low, high in functions(ast.parse(source)) if low <= line <= high]
    module = str(path.relative_to(root / "bumphunt" / room))
    tests = (
        covered.tests(module, starts[-1]) if starts else covered.tests_of_any(module, users(path.parent, source, line))
    )
    chosen, cost = covered.chosen(tests, seconds)
    target.write_text(changed, "utf-8")
    try:
        dead = bool(chosen) and run(work, chosen, 60.0 + 10.0 * cost) != 0
    finally:
        target.write_text(source, "utf-8")
    return dead, {"where": f"{path.relative_to(root)}:{line}", "what": what, "tests": len(tests)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", nargs="+", default=ROOMS)
    parser.add_argument("--modules", nargs="*", default=[], help="only these, such as scan.py")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random; all otherwise")
    parser.add_argument("--most", type=float, default=float("inf"), help="seconds for the mutants of the sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30.0, help="of tests for each mutant")
    parser.add_argument("--trace", type=float, default=1800.0, help="seconds to find what a file of tests calls")
    parser.add_argument("--again", type=Path, help="try the survivors of such a record once more")
    parser.add_argument("--json", type=Path, help="write the record to this file; add a line to it if .jsonl")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    options = parser.parse_args()
    root = options.root.resolve()
    for name in ("numpy", "scipy.special", "scipy.optimize", "scipy.stats", "pandas", "sklearn.ensemble", "iminuit",
                 "pyhf", "matplotlib.figure", "pyarrow.parquet"):  # fmt: skip
        importlib.import_module(name)
    plan = planned(root, options)
    total = len(plan)
    plan = again(root, plan, json.loads(options.again.read_text())["survivors"]) if options.again else plan
    plan = plan[: options.sample]
    survivors, rooms = [], defaultdict(lambda: [0, 0])
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        work = Path(folder).resolve()
        for name in ("bumphunt", "tests", "analysis"):
            if (root / name).is_dir():
                shutil.copytree(root / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "data"):
            (work / name).symlink_to(root / name)
        covered = {}
        for room in sorted({room for room, *_ in plan}):
            covered[room] = trace_room(root, work, room, root / "out/mutants", options.trace)
            print(f"{room}: {len(covered[room].seconds)} tests", flush=True)  # noqa: T201
        begun = time.monotonic()
        for number, mutant in enumerate(plan):
            if time.monotonic() - begun > options.most:
                plan = plan[:number]
                break
            dead, found = tried(root, work, covered[mutant[0]], mutant, options.seconds)
            print(f"{'killed  ' if dead else 'SURVIVED'} {found['where']}: {found['what']}", flush=True)  # noqa: T201
            rooms[mutant[0]][0] += dead
            rooms[mutant[0]][1] += 1
            if not dead:
                survivors.append(found)
    killed = len(plan) - len(survivors)
    low, high = interval(killed, max(len(plan), 1))
    share = killed / max(len(plan), 1)
    print(f"{len(plan)} of {total} mutants tried, {killed} killed: {share:.0%} ({low:.0%} to {high:.0%})")  # noqa: T201
    if options.json:
        git = subprocess.run(
            ["git", "rev-parse", "--short=10", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
        record = {
            "commit": git.stdout.strip(),
            "config": {
                "rooms": list(options.rooms),
                "sample": options.sample,
                "seconds": options.seconds,
                "most": options.most if options.most < float("inf") else None,
                "trace": options.trace,
            },
            "seed": options.seed,
            "command": " ".join(["python", "tests/mutation/mutants.py", *sys.argv[1:]]),
            "mutants": total,
            "tried": len(plan),
            "killed": killed,
            "share": round(share, 4),
            "interval_68": [round(low, 4), round(high, 4)],
            "by_room": {room: {"killed": k, "tried": n} for room, (k, n) in sorted(rooms.items())},
            "not_reached": sum(each["tests"] == 0 for each in survivors),
            "survivors": survivors,
        }
        if options.json.suffix == ".jsonl":  # a line a study
            with options.json.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(record) + "\n")
        else:
            options.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    sys.exit(share < 0.9)


if __name__ == "__main__":
    main()
