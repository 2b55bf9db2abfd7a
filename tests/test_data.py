"""The shipped samples: what they promise, and how near they are to the real LHC Olympics events."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp, kstwobign

from bumphunt.events import FEATURES, LABEL, check_events

ROOT = Path(__file__).resolve().parents[1]
RND = ROOT / "data/lhco_rnd.parquet"
BOX = ROOT / "data/blackbox.parquet"
REAL = ROOT.parent / "shared/data/lhco_rnd_first10k_jets.npz"

LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
# of the official features (doi:10.5281/zenodo.6466204) in 3.3 < mjj < 3.7 TeV, 121 k background and 75 k signal events
TAU21 = {
    (0, "tau21_2"): (0.256, 0.462, 0.600, 0.710, 0.836),
    (0, "tau21_1"): (0.161, 0.332, 0.491, 0.628, 0.780),
    (1, "tau21_2"): (0.163, 0.274, 0.380, 0.498, 0.653),
    (1, "tau21_1"): (0.065, 0.119, 0.189, 0.305, 0.535),
}
SIGNAL = {"mjj": (3339, 3429, 3502, 3574, 3661), "mj2": (89.7, 101.0, 110.5, 128.9, 229.9)}


@pytest.fixture(scope="module")
def rnd():
    return pd.read_parquet(RND)


def test_the_labelled_sample_is_large_enough_and_complete(rnd):
    counts = rnd[LABEL].value_counts()
    assert counts[0] >= 300_000
    assert counts[1] >= 30_000
    assert list(rnd.columns) == ["mjj", *FEATURES, LABEL]
    check_events(rnd, name="lhco_rnd")


def test_the_order_of_the_events_tells_nothing(rnd):
    place = np.flatnonzero(rnd[LABEL]) / len(rnd)
    assert np.abs(np.histogram(place, 10, (0, 1))[0] / len(place) - 0.1).max() < 0.01


def test_the_black_box_hides_its_truth():
    file = pq.ParquetFile(BOX)
    truth = json.loads(BOX.with_name("blackbox_truth.json").read_text("utf-8"))
    assert file.schema_arrow.names == ["mjj", *FEATURES]
    assert file.metadata.num_rows == truth["n_signal"] + truth["n_background"]
    stored = " ".join(value.decode() for value in (file.schema_arrow.metadata or {}).values())
    for secret in (*truth["masses"], truth["seed"], truth["n_signal"]):
        assert f"{secret:g}" not in stored


def test_the_samples_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in (ROOT / "data").iterdir()) < 60e6


@pytest.mark.parametrize(("label", "name"), TAU21)
def test_tau21_has_the_quantiles_of_the_official_sample(rnd, label, name):
    chosen = rnd["mjj"].between(3300, 3700) & (rnd[LABEL] == label)
    np.testing.assert_allclose(
        np.quantile(rnd.loc[chosen, name], LEVELS), TAU21[label, name], rtol=0, atol=0.015 if label else 0.02
    )


@pytest.mark.parametrize("name", SIGNAL)
def test_the_signal_has_the_quantiles_of_the_official_sample(rnd, name):
    chosen = rnd["mjj"].between(3300, 3700) & (rnd[LABEL] == 1)
    found = np.quantile(rnd.loc[chosen, name], LEVELS)
    at = np.interp(SIGNAL[name], np.quantile(rnd.loc[chosen, name], np.linspace(0, 1, 2001)), np.linspace(0, 1, 2001))
    assert np.abs(at - LEVELS).max() < 0.04, found


@pytest.mark.parametrize(("label", "limit"), [(0, 0.02), (1, 0.04)])
def test_masses_follow_those_of_real_events(rnd, label, limit):
    if not REAL.exists():
        pytest.skip("the real events of ../shared/data are not here")
    with np.load(REAL) as file:
        chosen = file["label"] == label
        masses = np.sort(file["mj"][chosen], axis=1)
        real = {"mjj": file["mjj"][chosen], "mj1": masses[:, 1], "mj2": masses[:, 0]}
    simulated = rnd[rnd[LABEL] == label]
    noise = kstwobign.isf(0.05) * np.sqrt(1 / len(real["mjj"]) + 1 / len(simulated))
    for name, values in real.items():
        assert ks_2samp(values, simulated[name], method="asymp").statistic < limit + noise, name
