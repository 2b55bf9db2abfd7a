"""Real LHC Olympics R&D events, whose masses everybody knows: the answers from jet masses alone."""

import numpy as np
import pandas as pd
import pytest

import bumphunt

LIGHT = {
    "searches": ["cwola"],
    "cwola": {"repeats": 8},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "search": {"windows": [[3280.0, 3700.0]], "cut_fractions": [0.01]},
}


@pytest.mark.slow
def test_the_first_ten_thousand_give_their_masses_and_yield(shared_data):
    with np.load(shared_data / "lhco_rnd_first10k_jets.npz") as file:
        masses, label = file["mj"], file["label"]
        table = pd.DataFrame({"mjj": file["mjj"], "mj1": masses.max(axis=1), "mj2": masses.min(axis=1)})
    found = bumphunt.hunt(table, config=LIGHT)
    answers = found.answers
    assert answers.status == "discovery", str(found)
    for interval, true in ((answers.m_resonance, 3500.0), (answers.m_x, 500.0), (answers.m_y, 100.0)):
        error = max(interval.high - interval.value, interval.value - interval.low)
        assert abs(interval.value - true) < 2.0 * error
        assert error < 0.03 * true
    yield_error = answers.n_signal.high - answers.n_signal.value
    assert abs(answers.n_signal.value - label.sum()) < 2.0 * yield_error
    assert yield_error < 0.25 * label.sum()
    # a limit below the signal that the same result gives would contradict it
    limit = answers.upper_limit
    assert limit["n_signal_95"] > max(answers.n_signal.value, label.sum())
    assert limit["selected"]["n_signal_95"] > max(answers.n_signal.value, label.sum())
    assert limit["expected"][2] < answers.n_signal.low  # it is no wide limit: without signal it would exclude this one
