import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import ConfigError, InputError
from bumphunt.generation.distributions import rank_distributions
from bumphunt.jobs import generation
from bumphunt.jobs.generation import generate_events

LIGHT = config_from_dict({"vae": {"hidden": [16], "epochs": 3, "batch_size": 500}})
TRAINED = {"hidden": [32, 32], "epochs": 20, "batch_size": 200, "optimizer": "adam"}


@pytest.fixture(scope="module")
def table(make_events):
    events = make_events(20_000, signal=250)
    return events.assign(run=1, event=np.arange(len(events)))


@pytest.fixture(scope="module")
def box(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("generation") / "box.parquet"
    table.drop(columns="label").to_parquet(path)
    return path


@pytest.fixture
def two_distributions(monkeypatch):
    """Trying all of scipy.stats takes half a minute; these two come first anyway."""
    monkeypatch.setattr(
        generation, "rank_distributions", lambda latent, **_: rank_distributions(latent, names=("norm", "johnsonsu"))
    )


def test_one_latent_variable_gives_events_of_the_right_kind(box, table, two_distributions):
    config = config_from_dict({"vae": {**TRAINED, "zeta": 5000.0}})
    drawn, fit = generate_events(box, n_events=3000, method="distribution", config=config)
    assert list(drawn.columns) == ["mj1", "mj2", "tau21_1", "tau21_2"], "no mjj, no truth, no identifier"
    assert len(drawn) == 3000
    assert fit["name"] in ("norm", "johnsonsu")
    assert 0 <= fit["ks"] < 0.2
    for name in drawn.columns:
        low, high = table[name].min(), table[name].max()
        assert drawn[name].between(low - 1e-6 * abs(low), high + 1e-6 * abs(high)).all(), name
        assert abs(drawn[name].median() - table[name].median()) < 0.5 * table[name].std(), name
    assert max(drawn[name].std() / table[name].std() for name in drawn.columns) > 0.5, (
        "the latent variable says something"
    )


@pytest.mark.long
def test_a_mixture_comes_much_closer_and_keeps_the_correlations(box, table, two_distributions):
    settings = config_from_dict({"vae": {**TRAINED, "latent_dim": 4, "zeta": 5000.0}})
    line = config_from_dict({"vae": {**TRAINED, "zeta": 5000.0}})
    drawn, fit = generate_events(box, n_events=8000, config=settings)
    seed_way, seed_fit = generate_events(box, n_events=8000, method="distribution", config=line)
    assert set(fit["distances"]) == {"mj1", "mj2", "tau21_1", "tau21_2"}
    assert max(fit["distances"].values()) < 0.06
    assert max(fit["distances"].values()) < 0.5 * max(seed_fit["distances"].values())
    assert (drawn["mj1"] >= drawn["mj2"]).all()
    real = table[list(drawn.columns)].corr("spearman").to_numpy()
    gaps = [np.abs(sample.corr("spearman").to_numpy() - real).max() for sample in (drawn, seed_way)]
    assert gaps[0] < 0.08 < 0.3 < gaps[1]


@pytest.mark.parametrize("method", ["mixture", "distribution"])
def test_drawing_repeats_with_its_seed(table, tmp_path, two_distributions, method):
    table.head(1500).drop(columns="label").to_parquet(tmp_path / "few.parquet")
    first, again, other = (
        generate_events(tmp_path / "few.parquet", method=method, config=LIGHT, seed=seed)[0] for seed in (4, 4, 5)
    )
    assert len(first) == 1500, "as many as trained on"
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_methods_say_what_they_need(box):
    with pytest.raises(InputError, match=r"vae\.latent_dim is 2"):
        generate_events(box, method="distribution", config=config_from_dict({"vae": {"latent_dim": 2}}))
    with pytest.raises(ConfigError, match="'flow'"):
        generate_events(box, method="flow")


def test_drawn_daughters_of_other_names_come_heavier_first_too(table):
    """A network of three epochs puts many of them in the other order, and those are drawn again."""
    names = {"mjj": "m4l", "mj1": "mz1", "mj2": "mz2"}
    config = config_from_dict(
        {
            "resonance": {"column": "m4l"},
            "daughters": ["mz1", "mz2"],
            "features": ["mz1", "mz2", "tau21_1"],
            "vae": {"hidden": [16], "epochs": 3, "batch_size": 500, "latent_dim": 3},
        }
    )
    drawn, _ = generate_events(table.rename(columns=names), n_events=2_000, config=config)
    assert list(drawn.columns) == ["mz1", "mz2", "tau21_1"]
    assert (drawn["mz1"] >= drawn["mz2"]).all()
