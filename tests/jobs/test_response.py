"""Simulated signal files in, a response out that every stage of a hunt uses."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.jobs.response import make_response
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.masses.signal_table import load_signal
from bumphunt.pipeline.hunt import hunt_events

POINTS = [
    (m_resonance, x * m_resonance, y * m_resonance)
    for m_resonance in (3_200.0, 3_800.0)
    for x, y in ((0.08, 0.04), (0.14, 0.03), (0.18, 0.09))
]


@pytest.fixture(scope="module")
def signal(tmp_path_factory):
    """A folder of signal files whose resonance lies two percent low, as in a detector of another scale."""
    folder = tmp_path_factory.mktemp("signal")
    for number, masses in enumerate(POINTS):
        draws = draw_signal(signal_model(load_signal(), masses), 2_000, rng=np.random.default_rng(number))
        table = draws.table(masses)
        table["mjj"] *= 0.98
        name = "_".join(["signal", *(f"{mass:.0f}" for mass in masses)])
        table.drop_duplicates().to_parquet(folder / f"{name}.parquet")  # draws repeat some simulated events
    return folder


@pytest.fixture(scope="module")
def response(signal):
    file = signal.parent / "mine.npz"
    found = CliRunner().invoke(
        main, ["response", str(signal), "--output", str(file), "--varied", str(signal), "--json"]
    )
    assert found.exit_code == 0, found.output
    assert len(json.loads(found.output)["errors"]) == 4
    return file


def test_a_hunt_takes_masses_and_limit_from_the_response(response, make_events, light_prior):
    table = make_events(12_000, signal=350, seed=3)
    settings = {
        "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
        "cwola": {"folds": 2, "repeats": 1, "members": 1, "max_iter": 15},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
    }
    own = hunt_events(drop_truth(table), config_from_dict({**settings, "masses": {"response": str(response)}}), seed=3)
    assert set(own.answers.per_search) == {"cwola", "prior"}, "a few points of one's own are enough for the prior"
    found = own.answers.m_resonance
    assert abs(found.value - 3_500.0 / 0.98) < 4 * (found.stat_high - found.value)
    assert found.stat_low > 3_500.0, "the shipped response says something else"
    told = own.stages["masses"]["response"]
    assert told["sha256"] == response_named(str(response)).sha256
    assert len(told["sha256"]) == 64
    assert told["points"] == 6
    assert any(str(response) in sentence for sentence in own.answers.assumptions)


def test_a_changed_response_is_read_anew(response, tmp_path):
    copy = tmp_path / "copy.npz"
    copy.write_bytes(response.read_bytes())
    first = response_named(str(copy))
    with np.load(response) as stored:
        content = {name: stored[name] for name in stored.files}
    np.savez(copy, **{**content, "masses": 1.01 * content["masses"]})
    again = response_named(str(copy))
    assert again.sha256 != first.sha256
    assert again.table.masses[0, 0] == pytest.approx(1.01 * first.table.masses[0, 0])


def test_what_cannot_be_made_is_told_in_a_line(signal, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.npz"):
        make_response(signal, output=tmp_path / "mine.parquet")
    files = sorted(signal.iterdir())[:3]
    with pytest.raises(InputError, match="3 points"):
        make_response(files, output=tmp_path / "mine.npz")
    found = CliRunner().invoke(main, ["response", str(files[0]), "--output", str(tmp_path / "mine.npz")])
    assert found.exit_code == 2
    assert not (tmp_path / "mine.npz").exists()


def test_a_missing_response_is_refused_before_the_search(make_events):
    config = config_from_dict({"masses": {"response": "nowhere.npz"}})
    with pytest.raises(InputError, match=r"nowhere\.npz"):
        hunt_events(drop_truth(make_events(3_000, seed=3)), config, seed=1)
