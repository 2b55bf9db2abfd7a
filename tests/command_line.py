"""Calls of the command line, what its tests ask it for, and what success and every refusal look like."""

from pathlib import Path

from click.testing import CliRunner

from bumphunt.cli import main

ROOT = Path(__file__).resolve().parents[1]
WINDOW = (3250.0, 3750.0)
LIGHT = {
    "searches": ["cwola"],
    "search": {"windows": [list(WINDOW)], "cut_fractions": [0.1, 0.05]},
    "cwola": {"repeats": 1, "members": 1, "max_iter": 25, "learning_rate": 0.1, "folds": 3},
    "vae": {"enabled": False, "hidden": [8], "epochs": 2, "batch_size": 500},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}


def call(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(done, *words):
    """Check that a command ended as the user's mistake: status 2, one line that says what it should."""
    code = done.exit_code if hasattr(done, "exit_code") else done.returncode
    assert code == 2, (code, done.stdout, done.stderr, getattr(done, "exception", None))
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("bumphunt: ")
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in lines[0], lines[0]


def done_well(done):
    """Check that a command succeeded and return what it printed."""
    assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    return done.stdout
