"""Change the program in one small place after the other and see whether a test of that room fails.

    python tests/mutation/mutants.py --rooms significance spectrum --sample 40

Mutants: comparisons moved by one place or turned round, + and - and * and / exchanged, constants shifted, ``and`` and
``or`` exchanged, conditions negated. Each is run in a copy of the package; those that no test notices are named.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("significance", "spectrum", "pipeline", "masses")
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}  # fmt: skip


def changes(tree):
    """Return the places that can be changed: the number of the node in the tree, and which of its operators."""
    found = []
    messages = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise | ast.JoinedStr) for part in ast.walk(node)
    }
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in messages:
            continue
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
            found.append((number, 0))
        elif isinstance(node, ast.Compare):
            found += [(number, place) for place, op in enumerate(node.ops) if type(op) in OPERATORS]
        elif isinstance(node, ast.If | ast.IfExp) or (
            isinstance(node, ast.Constant) and type(node.value) in (int, float) and not isinstance(node.value, bool)
        ):
            found.append((number, 0))
    return found


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


def killed(work, tests, seconds):
    """Run tests in the copy; tell whether one fails (an endless loop counts)."""
    environment = {**os.environ, "PYTHONPATH": str(work), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *map(str, tests)]
    try:
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", nargs="+", default=ROOMS)
    parser.add_argument("--modules", nargs="*", default=[], help="only these, such as scan.py")
    parser.add_argument("--tests", nargs="*", default=[], help="only these test files, in place of those of the room")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random; all otherwise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=300.0, help="after which a test counts as failed")
    options = parser.parse_args()
    plan = []
    for room in options.rooms:
        for path in sorted((ROOT / "bumphunt" / room).glob("*.py")):
            if not options.modules or path.name in options.modules:
                plan += [(room, path, *change) for change in changes(ast.parse(path.read_text("utf-8")))]
    total = len(plan)
    random.Random(options.seed).shuffle(plan)
    plan = plan[: options.sample]
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        work = Path(folder)
        for name in ("bumphunt", "tests"):
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "data"):
            (work / name).symlink_to(ROOT / name)
        for room in options.rooms:
            tests = options.tests or [f"tests/{room}"]
            if killed(work, [work / test for test in tests], 10 * options.seconds):
                sys.exit(f"the tests {' '.join(tests)} fail without a mutant")
        for room, path, number, place in plan:
            source = path.read_text("utf-8")
            changed, line, what = mutated(source, number, place)
            target = work / path.relative_to(ROOT)
            target.write_text(changed, "utf-8")
            own = work / "tests" / room / f"test_{path.name}"
            rest = [work / "tests" / room]
            tests = [work / test for test in options.tests] or rest
            # the module's own tests first: most mutants die there
            dead = (not options.tests and own.exists() and killed(work, [own], options.seconds)) or killed(
                work, tests, options.seconds
            )
            target.write_text(source, "utf-8")
            print(f"{'killed  ' if dead else 'SURVIVED'} {path.relative_to(ROOT)}:{line}: {what}", flush=True)  # noqa: T201
            if not dead:
                survivors.append(path)
    share = 1.0 - len(survivors) / max(len(plan), 1)
    print(f"{len(plan)} of {total} mutants tried, {len(survivors)} survived: {share:.0%} killed")  # noqa: T201
    sys.exit(share < 0.9)


if __name__ == "__main__":
    main()
