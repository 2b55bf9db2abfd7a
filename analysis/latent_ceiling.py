"""How much of a signal does a VAE's latent space keep? What no search in it can exceed.

    python analysis/latent_ceiling.py

A VAE of four latent dimensions, that of the cross-check ``latent_cwola``, learns a mixture of 0.1 % signal without
labels. Boosted trees then are told the truth in 3.3-3.7 TeV: of the jets' observables, and of what the VAE makes of
them. Both are tested on other events; the difference is what encoding loses before any search begins. Beside them
stands what the VAE's own scores reach.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from origin import stamped
from vae_quality import OTHER, REGION, mixture

import bumphunt
from bumphunt.events import FEATURES
from bumphunt.scores.latent_cwola import latent_features

CUTS = (0.01, 0.002)
"""Parts of the background that are kept."""
FOUR = ["mj1", "mj2", "tau21_1", "tau21_2"]
SIZE, DIMENSIONS = 100_000, 4


def improvement(score: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return signal efficiency over the root of that of background, at each of the cuts."""
    levels = np.quantile(score[~truth], [1.0 - cut for cut in CUTS])
    return [round(float((score[truth] > level).mean() / cut**0.5), 2) for level, cut in zip(levels, CUTS, strict=True)]


def supervised(rows: np.ndarray, truth: np.ndarray, trains: np.ndarray, seed: int) -> list[float]:
    """Return what trees that know the truth reach on events that they were not trained on."""
    trees = bumphunt.scores.SupervisedTrees(seed=seed).fit(rows[trains], truth[trains])
    return improvement(trees.anomaly_score(rows[~trains]), truth[~trains])


def study(table: pd.DataFrame, seed: int) -> dict[str, list[float]]:
    """Return the improvement in significance of everything at the cuts."""
    mixed, _ = mixture(table, 0.001, SIZE, seed)
    features = list(FEATURES)
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=features).fit(mixed[features])
    near = table[table["mjj"].between(*REGION)]
    unit = front_end.transform(near[features].to_numpy(dtype=np.float64))
    learned = front_end.transform(mixed[features].to_numpy(dtype=np.float64))
    epochs = round(2_000_000 / len(learned))
    vae = bumphunt.scores.VariationalAutoencoder(**OTHER, epochs=epochs, latent_dim=DIMENSIONS, seed=seed).fit(learned)
    distance = bumphunt.scores.MahalanobisDistance(robust=True).fit(vae.encode(learned[::5])[0])
    truth = near["label"].to_numpy() > 0.5
    trains = np.random.default_rng(seed).random(len(near)) < 0.5
    own = bumphunt.scores.latent_scores(vae, unit[~trains], distance=distance)
    return {
        "eight observables, truth": supervised(unit, truth, trains, seed),
        "four observables, truth": supervised(near[FOUR].to_numpy(dtype=np.float64), truth, trains, seed),
        "latent means, truth": supervised(latent_features(vae, unit), truth, trains, seed),
        **{f"VAE, {name}": improvement(score, truth[~trains]) for name, score in own.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/lhco_rnd.parquet"), help="labelled")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--result", type=Path, default=Path("analysis/results/latent_ceiling.json"))
    arguments = parser.parse_args()
    table = pd.read_parquet(arguments.events)
    found = []
    for seed in range(1, arguments.seeds + 1):
        start = time.process_time()
        found.append(study(table, seed))
        print(f"seed {seed}, {time.process_time() - start:.0f} CPU seconds: {json.dumps(found[-1])}", flush=True)
    result = {"background_kept": CUTS, "seeds": arguments.seeds, "improvement": found}
    arguments.result.write_text(json.dumps(stamped(result, seed=1), indent=1) + "\n")


if __name__ == "__main__":
    main()
