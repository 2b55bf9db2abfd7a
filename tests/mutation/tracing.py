"""Which tests of a room call which functions, and what each costs: traced once a test file, and kept in ``out/``."""

import hashlib
import json
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

QUIET = ("-q", "-n", "0", "-p", "no:cacheprovider", "--no-header")


class Trace:
    """A pytest plugin that notes for each test the functions of the package that it calls, and its seconds.

    What a shared fixture calls is called for every test that uses the fixture, and its time is spent once.
    """

    def __init__(self, work, room):
        self.prefix = f"{work / 'bumphunt' / room}{os.sep}"
        self.tests, self.fixtures, self.failed = {}, {}, []
        self.called, self.inner = set(), 0.0

    def pytest_runtest_logreport(self, report):
        """Note what fails without a mutant."""
        if report.failed or report.skipped:
            self.failed.append(report.nodeid)

    def pytest_runtest_protocol(self, item):
        """Trace calls, and no lines, through setup and test."""
        self.item, self.called, self.inner, self.begun = item, set(), 0.0, time.perf_counter()
        sys.settrace(self._call)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        """Note apart what a fixture calls that more than one test may use."""
        if fixturedef.scope == "function":
            return (yield)
        outer, inner, begun = self.called, self.inner, time.perf_counter()
        self.called, self.inner = set(), 0.0
        try:
            return (yield)
        finally:
            spent = time.perf_counter() - begun
            known = self.fixtures.setdefault(_name(fixturedef), {"calls": set(), "seconds": 0.0})
            known["calls"] |= self.called
            known["seconds"] += spent - self.inner
            self.called, self.inner = outer, inner + spent

    def pytest_runtest_logfinish(self):
        """Stop tracing, and note what the test called."""
        sys.settrace(None)
        known = self.item._fixtureinfo.name2fixturedefs.values()
        used = {_name(each) for many in known for each in many if each.scope != "function"}
        spent = time.perf_counter() - self.begun - self.inner
        self.tests[self.item.nodeid] = {"calls": self.called, "seconds": spent, "fixtures": used}

    def _call(self, frame, event, argument):
        code = frame.f_code
        if code.co_filename.startswith(self.prefix):
            self.called.add(f"{code.co_filename[len(self.prefix) :]}:{code.co_firstlineno}")

    def to_dict(self):
        """Return it as plain data."""
        plain = {
            name: {key: sorted(value) if isinstance(value, set) else value for key, value in test.items()}
            for name, test in self.tests.items()
        }
        fixtures = {name: {**each, "calls": sorted(each["calls"])} for name, each in self.fixtures.items()}
        return {"tests": plain, "fixtures": fixtures, "failed": sorted(set(self.failed))}


def _name(fixturedef):
    return f"{fixturedef.baseid}::{fixturedef.argname}"


class Covered:
    """The traces of all test files of a room."""

    def __init__(self):
        self.seconds, self.fixtures, self.price, self.failed = {}, {}, {}, set()
        self.by_function, self.by_module = defaultdict(set), defaultdict(set)

    def add(self, trace):
        """Take in what was noted of one file."""
        self.failed |= set(trace["failed"])
        for name, fixture in trace["fixtures"].items():
            self.price[name] = max(self.price.get(name, 0.0), fixture["seconds"])
        for test, noted in trace["tests"].items():
            if test in self.failed:
                continue
            self.seconds[test] = noted["seconds"]
            self.fixtures[test] = [name for name in noted["fixtures"] if name in trace["fixtures"]]
            calls = set(noted["calls"])
            calls.update(*(trace["fixtures"][name]["calls"] for name in self.fixtures[test]))
            for call in calls:
                self.by_function[call].add(test)
                self.by_module[call.rpartition(":")[0]].add(test)

    def tests(self, module, start):
        """Return the tests that call the function that starts at this line."""
        return self.by_function[f"{module}:{start}"]

    def tests_of_any(self, module, users):
        """Return the tests that call one of these functions; of the whole module, or all, where none is called."""
        found = set().union(*(self.by_function[f"{name}:{start}"] for name, start in users))
        return found or self.by_module[module] or set(self.seconds)

    def chosen(self, tests, most):
        """Return the cheapest tests that fit into so many seconds, one at least, and what they cost.

        A fixture is paid for once.
        """
        found, paid, spent, left = [], set(), 0.0, set(tests)

        def price(test):
            return self.seconds[test] + sum(self.price[name] for name in self.fixtures[test] if name not in paid)

        while left:
            best = min(left, key=lambda test: (price(test), test))
            if found and spent + price(best) > most:
                break
            spent += price(best)
            paid.update(self.fixtures[best])
            found.append(best)
            left.remove(best)
        return found, spent


def run(work, arguments, seconds, plugin=None, keep=None):
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
            stop = () if plugin else ("-x",)
            status = int(pytest.main([*QUIET, *stop, *arguments], plugins=[plugin] if plugin else []))
            if keep is not None:
                keep.write_text(json.dumps(plugin.to_dict()))
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


def trace_room(root, work, room, cache, seconds):
    """Return which tests call what in a room; a file that takes longer than ``seconds`` is left out and named.

    The examples of the room's docstrings are one file more.
    """
    covered, folder = Covered(), work / "tests" / room
    sources = sorted((root / "bumphunt" / room).rglob("*.py"))
    helpers = [path for path in folder.glob("*.py") if not path.name.startswith("test_")]
    shared = [*sources, *sorted(helpers), *(work / "tests").glob("conftest.py"), Path(__file__)]
    for path in [work / "bumphunt" / room, *sorted(folder.glob("test_*.py"))]:
        key = hashlib.sha256(b"".join(each.read_bytes() for each in (path, *shared) if each.is_file())).hexdigest()[:20]
        kept = cache / f"{room}.{path.stem}.{key}.json"
        if not kept.exists():
            begun, fresh = time.monotonic(), work / "trace.json"
            status = run(work, [str(path.relative_to(work))], seconds, Trace(work, room), fresh)
            if status not in (0, 1):
                print(f"left out, since it does not end in {seconds:.0f} s: {path.name}", flush=True)  # noqa: T201
                continue
            cache.mkdir(parents=True, exist_ok=True)
            for old in cache.glob(f"{room}.{path.stem}.*.json"):
                old.unlink()
            kept.write_bytes(fresh.read_bytes())
            print(f"traced {room}/{path.name} in {time.monotonic() - begun:.0f} s", flush=True)  # noqa: T201
        covered.add(json.loads(kept.read_text()))
    for test in sorted(covered.failed):
        print(f"left out, since it fails or is skipped without a mutant: {test}", flush=True)  # noqa: T201
    return covered
