"""A resonance of two decay modes, as in the third black box: the dijet mode is seen, and nothing wrong is claimed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.pipeline.hunt import hunt_events
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.simulation.presets import PRESETS
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import simulate_sample
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.spectrum import Spectrum

MASSES = (4_200.0, 2_217.0, 30.0)
BOX3 = PRESETS["blackbox3-like"]


@pytest.fixture(scope="module")
def modes(tmp_path_factory):
    """Signal of either mode alone."""
    pytest.importorskip("pythia8mc")
    folder = tmp_path_factory.mktemp("modes")
    return {
        dijet: pd.read_parquet(
            simulate_sample(folder / f"{dijet}.parquet", Sample(signal=130, masses=MASSES, dijet=dijet), seed=4)
        )
        for dijet in (1.0, 1e-9)
    }


@pytest.fixture(scope="module")
def box(modes):
    """1500 signal events in the shares of the preset, by moving few simulated ones a little, in 30 thousand others."""
    rng = np.random.default_rng(1)
    background = pd.read_parquet(Path(__file__).parents[2] / "data" / "lhco_rnd.parquet").query("label == 0")
    parts = [background.sample(30_000, random_state=1)]
    for dijet, share in ((1.0, BOX3.dijet), (1e-9, 1.0 - BOX3.dijet)):
        drawn = modes[dijet].sample(int(1_500 * share), replace=True, random_state=2)
        for name in ("mjj", "mj1", "mj2"):
            drawn[name] *= np.exp(rng.normal(0.0, 0.015 if name == "mjj" else 0.1, len(drawn)))
        parts.append(drawn)
    return pd.concat(parts, ignore_index=True)[list(background.columns)]


def test_one_mode_peaks_at_the_resonance_and_the_other_below(modes):
    dijet, cascade = modes[1.0]["mjj"], modes[1e-9]["mjj"]
    assert dijet.median() == pytest.approx(MASSES[0], rel=0.04)
    assert cascade.median() < 0.9 * MASSES[0]
    assert (np.abs(dijet / MASSES[0] - 1) < 0.06).mean() > 2 * (np.abs(cascade / MASSES[0] - 1) < 0.06).mean()


def test_the_dijet_mode_is_seen_in_the_spectrum(box):
    edges = mass_grid(2_950.0, 6_000.0, ratio=1.03)
    spectrum = Spectrum.from_events(box["mjj"].to_numpy(), edges, sqrt_s=13_000.0)
    found = scan_spectrum(spectrum, n_toys=100, rng=np.random.default_rng(1), method="q0").best_window
    assert found.low < MASSES[0] < found.high
    assert found.z_local > 2.5


@pytest.mark.long
def test_no_masses_of_daughters_are_claimed(box):
    settings = {
        "searches": ["cwola"],
        "search": {"low": 2_900.0, "high": 6_000.0, "windows": [[3_950.0, 4_450.0]]},
        "cwola": {"folds": 2, "repeats": 1, "members": 1, "max_iter": 10},
        "limit": {"enabled": False},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
    }
    answers = hunt_events(drop_truth(box), config_from_dict(settings), seed=2).answers
    assert answers.m_x is None or answers.masses_verified is False
    if answers.m_resonance is not None:
        assert abs(answers.m_resonance.value / MASSES[0] - 1) < 0.05


def test_a_share_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(InputError, match="fraction from 0 to 1"):
        simulate_sample(tmp_path / "a.parquet", Sample(signal=1, masses=MASSES, dijet=1.5), seed=1)
    found = CliRunner().invoke(
        main, ["simulate", "--preset", "blackbox3-like", "--dijet", "2", "--output", str(tmp_path / "a.parquet")]
    )
    assert found.exit_code == 2
