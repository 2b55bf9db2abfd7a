"""The network of Vaupotič's report on simulated dijets with 10 % of signal, from features to a blind choice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bumphunt.generation.distributions import rank_distributions
from bumphunt.generation.drawing import generate
from bumphunt.preprocessing.scaling import QuantileFrontEnd
from bumphunt.scores.latent import choose, latent_scores
from bumphunt.scores.quality import roc
from bumphunt.scores.vae import VariationalAutoencoder

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
FILES = (DATA / "dev_qcd.parquet", DATA / "dev_signal_3500_500_100.parquet")

pytestmark = pytest.mark.skipif(
    not all(file.exists() for file in FILES), reason="the development sample is not beside the project"
)


@pytest.fixture(scope="module")
def trained():
    background, signal = (pd.read_parquet(file) for file in FILES)
    events = pd.concat([background.iloc[:40_000], signal.iloc[:4000]], ignore_index=True).astype(float)
    front_end = QuantileFrontEnd().fit(events)
    unit = front_end.transform(events)
    model = VariationalAutoencoder(epochs=60, seed=1).fit(unit)
    return events, np.arange(len(events)) >= 40_000, front_end, unit, model


def test_the_blind_choice_finds_the_signal(trained):
    events, truth, _, unit, model = trained
    scores = latent_scores(model, unit)
    mjj = events["mjj"].to_numpy()
    in_sr = (mjj > 3300) & (mjj < 3700)
    in_sb = ~in_sr & (mjj > 2900) & (mjj < 4300)
    choice = choose(scores, in_sr, in_sb)
    best = max(roc(sign * score, truth).auc for score in scores.values() for sign in (1, -1))
    assert best > 0.82
    assert roc(choice.sign * scores[choice.name], truth).auc > best - 0.08
    assert choice.argos > 10 * choice.noise


def test_generated_events_look_like_those_learned(trained):
    events, _, front_end, unit, model = trained
    z = model.encode(unit)[0][:, 0]
    fits = rank_distributions(z, names=("norm", "johnsonsu", "johnsonsb", "logistic"))
    rows = generate(model.decode, front_end.inverse_transform, fits[0], len(unit), rng=1)
    assert rows.shape == unit.shape
    # One latent dimension draws a line through eight: the leading mass is rebuilt roughly, not exactly.
    assert stats.ks_2samp(rows[:, 0], events["mj1"]).statistic < 0.35
    assert (rows[:, 0] >= events["mj1"].min()).all()
    assert (rows[:, 0] <= events["mj1"].max()).all()
