"""What was meant by an option or a verb that there is not."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import click

SAME = {
    "--workers": ("threads", "jobs", "n-jobs", "j", "cores", "cpus", "ncpu", "nproc", "processes", "n-workers"),
    "--overwrite": ("force", "f", "replace", "clobber"),
    "--output": ("out", "outdir", "output-dir", "outfile", "o"),
    "--resume": ("continue", "restart"),
    "--seed": ("random-state", "random-seed", "rng"),
    "--config": ("settings", "configuration", "conf"),
}
"""Options, and what other programs call them."""
VERBS = {
    "run": ("hunt", "search", "analyse", "analyze", "analysis", "fit", "train"),
    "report": ("plot", "plots", "figures", "html"),
    "score": ("apply", "predict", "evaluate"),
    "config": ("init", "settings", "defaults"),
    "freeze": ("plan",),
}
"""Verbs, and what people call them."""
NEAR = 0.7
"""Likeness of names that may be a slip of the hand; below it a suggestion only misleads."""


def option_meant(given: str, known: Sequence[click.Parameter]) -> str:
    """Return a sentence on an option that a verb does not have, or nothing."""
    name = given.lstrip("-").replace("_", "-").lower()
    options = {each.opts[0]: each for each in known if isinstance(each, click.Option)}
    if name == "verbose" or given == "-v":
        return "Give it before the verb: `bumphunt -v VERB ...`."
    if name == "quiet" or given == "-q":
        return "Progress is shown on a terminal only."
    if name in ("output", "out", "o") and "--output" not in options:
        return "It prints, and the shell writes: end with `> FILE`."
    same = [option for option, names in SAME.items() if name in names and option in options]
    if not same and len(name) == 1:  # a letter is near to no name; what must be given is likely meant
        fitting = [option for option in options if option.startswith(f"--{name}")]
        same = sorted([option for option in fitting if options[option].required] or fitting)
    if same:
        return f"Did you mean {' or '.join(same)}?"
    if "--config" in options and len(name) > 2 and (setting := _setting(name)):
        section, _, key = setting.rpartition(".")
        written = f"{section}: {{{key}: ...}}" if section else f"{key}: ..."
        return f"{setting} is a setting: write '{written}' into a YAML file and give it as --config."
    near = difflib.get_close_matches(f"--{name}", options, n=2, cutoff=NEAR)
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _setting(name: str) -> str | None:
    """Return the first setting of this name, with or without its section; one in the plural will do."""
    from bumphunt.config import AnalysisConfig
    from bumphunt.config.problems import setting_names

    names = setting_names(AnalysisConfig())
    wanted = name.replace("-", "_")
    for fits in (
        [each for each in names if each == wanted],
        [each for each in names if wanted in (each.rpartition(".")[2], f"{each.rpartition('.')[2]}s")],
        [each for each in names if f"{wanted}s" == each.rpartition(".")[2]],
    ):
        if fits:
            return fits[0]
    return None


def verb_meant(given: str, known: Sequence[str]) -> str:
    """Return a sentence on a verb that there is not, or nothing."""
    if given in ("help", "version"):
        return f"Write `bumphunt --{given}`{', or `bumphunt VERB --help`' if given == 'help' else ''}."
    if Path(given).suffix or Path(given).exists():
        return f"Give it to a verb: `bumphunt run {given} --output FOLDER`."
    same = [verb for verb, names in VERBS.items() if given in names]
    near = same or difflib.get_close_matches(given, known, n=2, cutoff=NEAR)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else ""
