"""The significance of a weak excess is a number of the events and not of the seed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bumphunt

SAMPLE = Path(__file__).resolve().parents[1] / "data/lhco_rnd.parquet"
CONFIG = {
    "searches": ["cwola"],
    "cwola": {"members": 1, "max_iter": 40},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "latent": {"enabled": False},
    "limit": {"enabled": False},
    "search": {"high": 5_000.0, "windows": [[3_300.0, 3_700.0]], "cut_fractions": [0.01]},
}


@pytest.mark.slow
def test_five_seeds_of_a_weak_box_agree():
    """A single training spreads by 0.4 to 1 in such boxes; the repeats of the default bring it to 0.3."""
    events = pd.read_parquet(SAMPLE)
    background, signal = (events[events["label"] == label].drop(columns="label") for label in (0, 1))
    box = pd.concat([background.sample(30_000, random_state=1), signal.sample(90, random_state=1)])
    box = box.sample(frac=1, random_state=2).reset_index(drop=True)
    z = [bumphunt.hunt(box, config=CONFIG, seed=seed).answers.z_local for seed in range(1, 6)]
    assert np.std(z, ddof=1) <= 0.3, z
    assert len(set(z)) > 1
