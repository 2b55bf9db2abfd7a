"""Change the program in one small place after the other and see whether a test of that room fails.

    python tests/mutation/mutants.py --rooms significance spectrum --sample 40

Mutants: comparisons moved by one place or turned round, + and - and * and / exchanged, constants shifted, ``and`` and
``or`` exchanged, conditions negated. Each is run in a copy of the package, against those tests of its room that call
the changed function, the quickest first and no longer than ``--seconds``; those that none notices are named. A mutant
that changes nothing (``<`` for ``<=`` of continuous numbers, the last digit of a tolerance) counts as a survivor too.
Needs ``os.fork``.
"""

import argparse
import ast
import copy
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
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


class Coverage:
    """Notes for each test which functions of the package it calls, and its seconds."""

    def __init__(self, work, most=float("inf")):
        self.until = time.monotonic() + most
        self.prefix, self.seconds, self.calls = f"{work / 'bumphunt'}{os.sep}", {}, defaultdict(set)
        self.modules, self.failed = defaultdict(set), []

    def pytest_runtest_logreport(self, report):
        """Note what fails without a mutant."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_protocol(self, item):
        """Trace calls, and no lines, through setup and test, as long as there is time."""
        item.session.shouldstop = time.monotonic() > self.until and "there is no time for more tests"
        self.test, self.begun = item.nodeid, time.perf_counter()
        sys.settrace(self._called)

    def pytest_runtest_logfinish(self):
        """Stop tracing."""
        sys.settrace(None)
        self.seconds[self.test] = time.perf_counter() - self.begun

    def _called(self, frame, event, argument):
        code = frame.f_code
        if code.co_filename.startswith(self.prefix):
            name = code.co_filename[len(self.prefix) :]
            self.calls[f"{name}:{code.co_firstlineno}"].add(self.test)
            self.modules[name].add(self.test)

    def tests(self, name, starts):
        """Return the tests that call one of the functions that start at these lines, or any of the module."""
        found = set().union(*(self.calls.get(f"{name}:{start}", set()) for start in starts))
        return sorted((found or self.modules.get(name, set())) - set(self.failed), key=self.seconds.get)


def functions(tree):
    """Return first and last line of each function, the innermost last; decorators belong to it."""
    spans = [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return sorted(spans)


def run(work, arguments, seconds, plugins=()):
    """Run tests in a child that has the heavy libraries already; return its status, or None when time ran out."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(work)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            sys.path.insert(0, str(work))
            sys.dont_write_bytecode = True
            pytest = importlib.import_module("pytest")
            quiet = ["-q", *([] if plugins else ["-x"]), "-n", "0", "-p", "no:cacheprovider", "--no-header"]
            status = int(pytest.main([*quiet, *arguments], plugins=list(plugins)))
            for plugin in plugins:
                plugin.keep()
        except BaseException:  # whatever a mutant does
            status = 99
        os._exit(status)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Kept(Coverage):
    """A coverage that a child writes and its parent reads."""

    def __init__(self, work, path, most):
        super().__init__(work, most)
        self.path = path

    def keep(self):
        """Write it."""
        sets = {
            name: {key: sorted(tests) for key, tests in getattr(self, name).items()} for name in ("calls", "modules")
        }
        self.path.write_text(json.dumps(sets | {"seconds": self.seconds, "failed": self.failed}))

    def read(self):
        """Read what the child wrote."""
        for name, value in json.loads(self.path.read_text()).items():
            setattr(
                self,
                name,
                value if name in ("seconds", "failed") else {key: set(tests) for key, tests in value.items()},
            )
        return self


def interval(k, n, level=0.68):
    """Return the Clopper-Pearson interval of a share."""
    from scipy.stats import beta

    tail = 0.5 * (1.0 - level)
    return (
        float(beta.ppf(tail, k, n - k + 1)) if k else 0.0,
        float(beta.ppf(1.0 - tail, k + 1, n - k)) if k < n else 1.0,
    )


def chosen(tests, seconds, most):
    """Return the quickest tests that fit into so many seconds, one at least."""
    found, sum_ = [], 0.0
    for test in tests:
        sum_ += seconds[test]
        if found and sum_ > most:
            break
        found.append(test)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", nargs="+", default=ROOMS)
    parser.add_argument("--modules", nargs="*", default=[], help="only these, such as scan.py")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random; all otherwise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30.0, help="of tests for each mutant")
    parser.add_argument("--trace", type=float, default=1800.0, help="seconds to find which tests call what, a room")
    parser.add_argument("--again", type=Path, help="try the survivors of such a record once more")
    parser.add_argument("--json", type=Path, help="write the record to this file; add a line to it if .jsonl")
    options = parser.parse_args()
    for name in ("numpy", "scipy.special", "scipy.optimize", "scipy.stats", "pandas", "sklearn.ensemble", "iminuit",
                 "pyhf", "matplotlib.figure", "pyarrow.parquet"):  # fmt: skip
        importlib.import_module(name)
    plan = []
    for room in options.rooms:
        for path in sorted((ROOT / "bumphunt" / room).glob("*.py")):
            if not options.modules or path.name in options.modules:
                plan += [(room, path, *change) for change in changes(ast.parse(path.read_text("utf-8")))]
    total = len(plan)
    random.Random(options.seed).shuffle(plan)
    plan = plan[: options.sample]
    if options.again:
        named = {
            line["where"].partition(":")[0] + line["what"]
            for line in json.loads(options.again.read_text())["survivors"]
        }
        plan = [
            each
            for each in plan
            if f"{each[1].relative_to(ROOT)}{mutated(each[1].read_text('utf-8'), *each[2:])[2]}" in named
        ]
    survivors, rooms = [], defaultdict(lambda: [0, 0])
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        work = Path(folder)
        for name in ("bumphunt", "tests", "analysis"):
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "data"):
            (work / name).symlink_to(ROOT / name)
        covered = {}
        for room in sorted({room for room, *_ in plan}):
            kept = Kept(work, work / f"{room}.coverage", options.trace)
            quick = [str(path.relative_to(work)) for path in sorted((work / "tests" / room).glob("test_by_hand.py"))]
            if run(work, [*quick, f"tests/{room}"], options.trace + 900, [kept]) not in (0, 1, 2):
                sys.exit(f"the tests of {room} do not run without a mutant")
            covered[room] = kept.read()
            print(f"{room}: {len(kept.seconds)} tests, {sum(kept.seconds.values()):.0f} s", flush=True)  # noqa: T201
            for test in kept.failed:
                print(f"left out, since it fails without a mutant: {test}", flush=True)  # noqa: T201
        for room, path, number, place in plan:
            source = path.read_text("utf-8")
            changed, line, what = mutated(source, number, place)
            target = work / path.relative_to(ROOT)
            starts = [low for low, high in functions(ast.parse(source)) if low <= line <= high][-1:]
            tests = covered[room].tests(f"{room}/{path.name}", starts)
            target.write_text(changed, "utf-8")
            most = chosen(tests, covered[room].seconds, options.seconds)
            dead = bool(most) and run(work, most, 10 * options.seconds) != 0
            target.write_text(source, "utf-8")
            where = f"{path.relative_to(ROOT)}:{line}"
            print(f"{'killed  ' if dead else 'SURVIVED'} {where}: {what}", flush=True)  # noqa: T201
            rooms[room][0] += dead
            rooms[room][1] += 1
            if not dead:
                survivors.append({"where": where, "what": what, "tests": len(tests)})
    killed = len(plan) - len(survivors)
    low, high = interval(killed, max(len(plan), 1))
    share = killed / max(len(plan), 1)
    print(f"{len(plan)} of {total} mutants tried, {killed} killed: {share:.0%} ({low:.0%} to {high:.0%})")  # noqa: T201
    if options.json:
        git = subprocess.run(
            ["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        record = {
            "commit": git.stdout.strip(),
            "config": {
                "rooms": list(options.rooms),
                "sample": options.sample,
                "seconds": options.seconds,
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
