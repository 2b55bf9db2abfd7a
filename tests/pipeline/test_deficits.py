"""A search of events names a bin that lost its events, before it believes an excess beside it."""

from dataclasses import replace

import numpy as np
import pytest

import bumphunt
from bumphunt.pipeline.deficits import fit_before, judged_bins, no_deficit
from bumphunt.spectrum.binning import bin_of

CONFIG = {
    "searches": ["cwola"],
    # no daughters, no masses to fit: they are not asked for here
    "daughters": None,
    "features": ["mj1", "mj2", "tau21_1", "tau21_2"],
    "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
    "cwola": {"folds": 2, "repeats": 2, "members": 1, "max_iter": 15},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}


@pytest.fixture(scope="module")
def table(make_events):
    return make_events(12_000, signal=200, seed=2, label=False)


@pytest.fixture(scope="module")
def sound(table):
    return bumphunt.hunt(table, config=CONFIG, seed=7)


def deficit(found):
    (check,) = [check for check in found.checks if check.name == "no_deficit"]
    return check


def test_a_sound_spectrum_passes(sound):
    assert sound.answers.status == "discovery"
    assert deficit(sound).passed
    assert not deficit(sound).meaning.endswith(("a deficit", "a dead bin"))


@pytest.mark.parametrize(
    ("lost", "beside", "word"), [(1.0, 3, "a dead bin"), (1.0, 1, "a dead bin"), (0.5, 2, "a deficit")]
)
def test_a_bin_that_lost_events_is_named_and_ends_the_claim(table, sound, lost, beside, word):
    """Also where it is the guard of the window, which no fit sees."""
    edges, window = sound.inclusive.edges, sound.scan.best_window
    place = int(np.argmin(np.abs(edges - window.high))) + beside - 1
    inside = (table["mjj"] >= edges[place]) & (table["mjj"] < edges[place + 1])
    gone = inside & (np.random.default_rng(1).random(len(table)) < lost)
    found = bumphunt.hunt(table[~gone], config=CONFIG, seed=7)
    assert found.answers.z_global > 3
    assert found.answers.status == "unverified_excess"
    check = deficit(found)
    assert not check.passed
    assert (
        f"{edges[place]:.0f}-{edges[place + 1]:.0f} GeV holds {(inside & ~gone).sum()} events before the cut"
        in check.meaning
    )
    assert check.meaning.endswith(word)


def test_what_was_taken_out_and_what_is_extrapolated_is_no_deficit(sound):
    best = sound.findings.verdict.best
    task, edges = best.task, sound.inclusive.edges
    taken = np.zeros(len(edges) - 1, dtype=bool)
    taken[12:15] = True
    rows = ~taken[bin_of(task.mjj, edges)]
    left = replace(task, mjj=task.mjj[rows])
    (named,) = no_deficit(left, best.result)
    assert named.meaning.endswith("a dead bin")
    left = replace(left, excluded=taken)
    (passed,) = no_deficit(left, best.result)
    assert passed.passed
    judged = judged_bins(left, fit_before(left))
    assert not judged[10:17].any()
    assert judged[9]
    assert judged[17]
