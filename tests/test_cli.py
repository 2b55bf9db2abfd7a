"""The command line: which verbs and options there are, and how they explain themselves."""

import os
import subprocess
import sys

import click
import pytest

from bumphunt.cli import main
from bumphunt.config import AnalysisConfig, load_config

from .command_line import ROOT, call, done_well

VERBS = sorted(main.commands)
SAME_MEANING = ("output", "seed", "workers", "config", "json", "window", "scheduler")


def test_the_verbs_are_those_promised():
    assert {"run", "config", "simulate", "features", "fetch", "score", "scan", "masses", "generate", "report"} <= set(
        VERBS
    )


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_every_verb_explains_itself(verb):
    text = done_well(call(*([verb] if verb else []), "--help"))
    assert text.startswith("Usage: ")
    assert "--help" in text
    described = [line for line in text.splitlines()[1:] if line.strip()]
    assert len(described[0].split()) >= 4, "a sentence, not a name"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_described(verb):
    for option in main.commands[verb].params:
        if isinstance(option, click.Option) and option.name not in ("help", "masses", "scheduler"):
            assert option.help, f"{verb} {option.opts}"


def test_options_of_the_same_meaning_have_the_same_name_and_type():
    seen = {}
    for verb in VERBS:
        for option in main.commands[verb].params:
            if not isinstance(option, click.Option):
                continue
            for name in option.opts:
                seen.setdefault(name.lstrip("-"), []).append((verb, option.nargs, str(option.type), option.is_flag))
    for name in SAME_MEANING:
        kinds = {kind[1:] for kind in seen[name]}
        assert len(kinds) == 1, f"--{name}: {seen[name]}"
    synonyms = (
        "out o outdir output-dir random-seed jobs n-jobs processes n-workers cores configuration conf as-json format "
        "region signal-region range dask cluster"
    )
    assert not set(synonyms.split()) & set(seen)


@pytest.mark.parametrize(
    ("option", "verbs"),
    [
        ("--output", {"run", "simulate", "features", "score", "generate"}),
        ("--seed", {"run", "simulate", "score", "scan", "masses", "generate"}),
        ("--config", {"run", "score", "masses", "generate"}),
        ("--workers", {"run", "simulate", "generate"}),
        ("--scheduler", {"run", "simulate"}),
        ("--window", {"score", "scan", "masses"}),
        ("--json", {"run", "scan", "masses"}),
    ],
)
def test_the_option_is_where_it_is_promised(option, verbs):
    have = {verb for verb in VERBS if any(option in parameter.opts for parameter in main.commands[verb].params)}
    assert verbs <= have


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="CPU seconds of a child are known on Unix only")
@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_is_quick(arguments):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    seconds = []
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-m", "bumphunt", *arguments],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        seconds.append(usage.ru_utime + usage.ru_stime)
        if seconds[-1] < 0.5:
            break
    assert min(seconds) < 0.5, seconds


def test_version():
    from bumphunt import __version__

    assert __version__ in done_well(call("--version"))


def test_the_printed_config_loads_back(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(done_well(call("config")), "utf-8")
    assert load_config(path) == AnalysisConfig()
