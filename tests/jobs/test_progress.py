"""Bars say how long the rest takes; without a terminal the log says it, not too often and only where asked for."""

import logging
import re
import threading
import time

import pytest

from bumphunt.jobs import progress
from bumphunt.jobs.progress import bar, run_bar
from bumphunt.pipeline.hunt import Clock


@pytest.fixture
def log(caplog, monkeypatch):
    """The lines of ``bumphunt -v``, quickly one after the other."""
    monkeypatch.setattr(progress, "EVERY", 0.02)
    caplog.set_level(logging.INFO, logger="bumphunt")
    return caplog


def wait_for(log, text):
    for _ in range(500):
        if any(text in line for line in log.messages):
            return
        time.sleep(0.01)
    pytest.fail(f"{text!r} is not among {log.messages}")


def test_bars_of_pieces_show_the_remaining_time(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with bar("windows", 4, done=1, shown=True) as advance:
        advance()
    said = capsys.readouterr().err
    assert "windows 2/4" in said
    assert re.search(r"left\S* *\S*(-:--:--|\d:\d\d:\d\d)", said), said


def test_without_a_terminal_lines_say_what_is_done_and_how_long_the_rest_takes(log):
    with bar("experiments", 4, done=1, shown=False) as advance:
        wait_for(log, "experiments 1/4, 0 s")
        advance()
        wait_for(log, "experiments 2/4, 0 s, about")
    assert log.messages[-1].endswith("left")


def test_a_stage_that_is_busy_in_one_call_is_not_silent(log):
    with run_bar(shown=False) as bar_of_run:
        bar_of_run.enter("events")
        bar_of_run.expect({"events": 1.0, "scan": 1.0})
        bar_of_run.enter("scan")
        wait_for(log, "scan, 0 s, about 0 s left")
        with bar_of_run.watch("windows", 9, done=0) as advance:
            advance()
            wait_for(log, "windows 1/9, 0 s, about")


def test_lines_become_rare_in_a_long_job(log, monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 0.0)
    with bar("windows", 4, done=0, shown=False):
        time.sleep(0.2)
    assert log.messages == []


def test_nothing_is_said_where_nobody_asked(caplog, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.02)
    caplog.set_level(logging.WARNING, logger="bumphunt")
    before = threading.active_count()
    with bar("windows", 4, done=0, shown=False):
        assert threading.active_count() == before
        time.sleep(0.1)
    assert caplog.messages == []


def test_a_line_tells_the_seconds_of_each_stage(caplog):
    caplog.set_level(logging.INFO, logger="bumphunt")
    with Clock().stage("limit"):
        time.sleep(0.06)
    assert caplog.messages == ["stage limit", "stage limit took 0.1 s"]


def test_what_was_done_before_does_not_shorten_the_rest():
    class Task:
        description, total, completed = "windows 3/5", 5, 3

    assert progress._line(Task, 10.0, before=2) == "windows 3/5, 10 s, about 20 s left"
