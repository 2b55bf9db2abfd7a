"""Real events whose answer everybody knows: the LHC Olympics R&D signal, and the Upsilon(1S) in dimuons of CMS."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import bumphunt

DIMUONS = Path(__file__).resolve().parents[1] / "analysis/configs/upsilon.yaml"
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


@pytest.mark.slow
def test_the_upsilon_is_found_by_a_configuration_of_fifteen_lines(shared_data):
    text = DIMUONS.read_text("utf-8")
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= 15
    with pytest.warns(UserWarning, match="1692 of 6542 rows"):
        found = bumphunt.hunt(shared_data / "cms_upsilon_SR_features.csv.gz", config=yaml.safe_load(text))
    assert found.answers.z_local > 3.0, str(found)
    mass = found.answers.m_resonance
    assert abs(mass.value - 9.46) < 2.0 * (mass.high - mass.value) < 0.1
    assert not [check.name for check in found.checks if not check.passed]
