"""How well the praktikum's VAE separates signal, which of its scores is best, and whether that is found without labels.

    make vae-quality

Writes analysis/results/vae_quality.json and .png. Mixtures of labelled background and signal, 10 % and 0.1 %, are
learned without labels from several seeds, each with signal events of its own. Truth then judges every score on
background that was learned and signal that was not. The choice without labels is made on the mixture alone.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from origin import stamped

import bumphunt
from bumphunt.events import FEATURES
from bumphunt.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure, styled
from bumphunt.report.figure_files import save

FRACTIONS = (0.1, 0.001)
GOALS = {0.1: 0.85, 0.001: 0.80}
LOSS_GOAL = 0.02
REGION, SIDEBANDS = (3300.0, 3700.0), (2900.0, 4300.0)
"""GeV: where the choice without labels looks for signal, and the range that the sidebands fill up."""
FOLDS = 5
OTHER = {"optimizer": "adam", "learning_rate": 1e-3, "batch_size": 500}
"""The schedule of the autoencoder and of the VAE with more latent dimensions, as in `bumphunt run`."""

Scores = Mapping[str, np.ndarray]


def mixture(table: pd.DataFrame, fraction: float, size: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a mixture to learn from, and signal events that are not in it."""
    signal = table[table["label"] > 0.5].sample(frac=1.0, random_state=seed)
    background = table[table["label"] < 0.5].iloc[:size]
    taken = round(fraction * size)
    mixed = pd.concat([background, signal.iloc[:taken]], ignore_index=True)
    return mixed, signal.iloc[taken : taken + 10_000]


def areas(background: Scores, signal: Scores) -> dict[str, float]:
    """Return the AUC of each score as it is: below 0.5 the low end is the anomalous one."""
    truth = np.arange(len(background["z"]) + len(signal["z"])) >= len(background["z"])
    return {
        name: bumphunt.scores.roc(np.concatenate([background[name], signal[name]]), truth).auc for name in background
    }


def blind_choice(scores: Scores, mjj: np.ndarray, seed: int) -> list[tuple[str, int]]:
    """Return the score and the sign that are chosen for each fold from the other folds, without labels."""
    region = (mjj >= REGION[0]) & (mjj < REGION[1])
    sidebands = ~region & (mjj >= SIDEBANDS[0]) & (mjj < SIDEBANDS[1])
    rng = np.random.default_rng(seed)
    folds = rng.permutation(np.arange(len(mjj)) % FOLDS)
    found = bumphunt.scores.choose_out_of_fold(scores, region, sidebands, folds, rng=rng)
    return [(choice.name, choice.sign) for choice in found.choices]


def study(table: pd.DataFrame, fraction: float, size: int, seed: int, *, others: bool, curve: bool) -> dict[str, Any]:
    """Train on one mixture and judge every score."""
    mixed, held_out = mixture(table, fraction, size, seed)
    features = list(FEATURES)
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=features).fit(mixed[features])
    unit, unseen = (front_end.transform(rows[features].to_numpy(dtype=np.float64)) for rows in (mixed, held_out))
    is_background = np.arange(len(mixed)) < size

    kept, truth = None, np.concatenate([np.zeros(10_000, bool), np.ones(5_000, bool)])
    if curve:
        kept = bumphunt.scores.EpochScores(np.concatenate([unit[:10_000], unseen[:5_000]]), every=3)
    model = bumphunt.scores.VariationalAutoencoder(seed=seed).fit(unit, on_epoch=kept)
    scores = bumphunt.scores.latent_scores(model, unit)
    found = areas(
        {name: score[is_background] for name, score in scores.items()}, bumphunt.scores.latent_scores(model, unseen)
    )
    turned = {name: max(auc, 1.0 - auc) for name, auc in found.items()}
    choices = blind_choice(scores, mixed["mjj"].to_numpy(), seed)
    chosen = float(np.mean([found[name] if sign > 0 else 1.0 - found[name] for name, sign in choices]))
    row: dict[str, Any] = {
        "fraction": fraction,
        "seed": seed,
        "auc": turned,
        "best": max(turned, key=lambda name: turned[name]),
        "best_auc": max(turned.values()),
        "chosen": [f"{'+' if sign > 0 else '-'}{name}" for name, sign in choices],
        "chosen_auc": chosen,
    }
    if kept is not None:
        row["epochs"] = kept.epochs
        row["auc_per_epoch"] = {
            name: [bumphunt.scores.roc(score, truth).auc for score in looks] for name, looks in kept.scores.items()
        }
    if others:
        row["others"] = other_models(unit, unseen, is_background, seed)
    return row


def other_models(unit: np.ndarray, unseen: np.ndarray, is_background: np.ndarray, seed: int) -> dict[str, float]:
    """Return the AUC of a plain autoencoder's error, and of distances in a latent space of four dimensions."""
    epochs = max(1, round(2_000_000 / len(unit)))
    plain = bumphunt.scores.Autoencoder(**OTHER, epochs=epochs, seed=seed).fit(unit)
    wide = bumphunt.scores.VariationalAutoencoder(**OTHER, epochs=epochs, latent_dim=4, seed=seed).fit(unit)
    distance = bumphunt.scores.MahalanobisDistance(robust=True).fit(wide.encode(unit[::5])[0])
    ours, theirs = (
        bumphunt.scores.latent_scores(wide, rows, distance=distance) for rows in (unit[is_background], unseen)
    )
    found = {f"{name} (4 dimensions)": auc for name, auc in areas(ours, theirs).items()}
    error, other = plain.anomaly_score(unit[is_background]), plain.anomaly_score(unseen)
    found["autoencoder"] = areas({"z": error}, {"z": other})["z"]
    return found


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return medians over seeds for each mixture, beside the goals."""
    found = []
    for fraction in FRACTIONS:
        ours = [row for row in rows if row["fraction"] == fraction]
        if not ours:
            continue
        others = [row["others"] for row in ours if "others" in row]
        losses = [row["best_auc"] - row["chosen_auc"] for row in ours]
        found.append(
            {
                "fraction": fraction,
                "seeds": len(ours),
                "median_auc": {name: float(np.median([row["auc"][name] for row in ours])) for name in ours[0]["auc"]},
                "median_best_auc": float(np.median([row["best_auc"] for row in ours])),
                "goal_best_auc": GOALS[fraction],
                "median_loss_of_choice": float(np.median(losses)),
                "largest_loss_of_choice": float(np.max(losses)),
                "goal_loss_of_choice": LOSS_GOAL,
                "median_auc_of_others": {
                    name: float(np.median([row[name] for row in others])) for name in (others[0] if others else ())
                },
                "trainings_of_others": len(others),
            }
        )
    return found


WORDS = {
    "z": "latent mean",
    "z2": "latent mean squared",
    "log_var": "log of latent variance",
    "kl": "Kullback–Leibler part",
    "reconstruction_error": "reconstruction error",
}


@styled
def figure(rows: list[dict[str, Any]]) -> Any:
    """Draw AUC against the epoch of one training, and every seed's AUC beside the choice without labels."""
    drawn = new_figure(4.2, width=8.6)
    left, right = drawn.subplots(1, 2)
    names = list(rows[0]["auc"])
    colours = dict(zip(names, (BLUE, SKY, GREEN, ORANGE, PURPLE), strict=False))
    first = next(row for row in rows if "epochs" in row)
    for name in names:
        values = np.array(first["auc_per_epoch"][name])
        # one orientation for the whole curve: that of its end
        values = values if values[-1] >= 0.5 else 1.0 - values
        left.plot(first["epochs"], values, color=colours[name], label=WORDS.get(name, name.replace("_", " ")))
    left.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    left.set_xlabel("Epoch [passes over the mixture]")
    left.set_ylabel("AUC [dimensionless]")
    left.set_title(f"One training, S/B = {100 * first['fraction']:g} %")
    for place, fraction in enumerate(FRACTIONS):
        ours = [row for row in rows if row["fraction"] == fraction]
        for number, name in enumerate(names):
            values = [row["auc"][name] for row in ours]
            at = np.full(len(values), place + 0.11 * (number - 2))
            right.plot(at, values, "os^Dv"[number % 5], markersize=4, color=colours[name])
        chosen = [row["chosen_auc"] for row in ours]
        right.plot(
            np.full(len(chosen), place + 0.36), chosen, "x", color=RED, label=None if place else "chosen blindly"
        )
        right.plot([place - 0.3, place + 0.42], 2 * [GOALS[fraction]], color=GREY, linewidth=0.9, linestyle="--")
    right.set_xticks(range(len(FRACTIONS)), [f"S/B = {100 * fraction:g} %" for fraction in FRACTIONS])
    right.tick_params(axis="x", which="both", bottom=False, top=False)
    right.set_ylabel("AUC [dimensionless]")
    right.set_title("Each seed; dashed: the goal")
    handles, texts = left.get_legend_handles_labels()
    more, said = right.get_legend_handles_labels()
    drawn.legend([*handles, *more], [*texts, *said], loc="outside upper center", ncols=3, fontsize="small")
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/lhco_rnd.parquet"), help="labelled")
    parser.add_argument("--size", type=int, default=100_000, help="background events in a mixture")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--others", type=int, default=2, help="seeds for which the other models are trained, too")
    parser.add_argument("--result", type=Path, default=Path("analysis/results/vae_quality.json"))
    arguments = parser.parse_args()

    table = pd.read_parquet(arguments.events)
    rows: list[dict[str, Any]] = []
    for seed in range(1, arguments.seeds + 1):
        for fraction in FRACTIONS:
            start = time.process_time()
            others = seed <= arguments.others
            rows.append(study(table, fraction, arguments.size, seed, others=others, curve=seed == 1))
            row = rows[-1]
            print(
                f"S/B {100 * fraction:g} %, seed {seed}: best {row['best']} {row['best_auc']:.3f}, chosen "
                f"{row['chosen_auc']:.3f} ({', '.join(row['chosen'])}); {time.process_time() - start:.0f} CPU seconds",
                flush=True,
            )
            # after every training, so that an interrupted study leaves what it found
            result = {"background": arguments.size, "summary": summary(rows), "trainings": rows}
            arguments.result.parent.mkdir(parents=True, exist_ok=True)
            arguments.result.write_text(json.dumps(stamped(result), indent=1) + "\n")
    for line in summary(rows):
        print(
            f"S/B {100 * line['fraction']:g} %: best AUC {line['median_best_auc']:.3f} (goal {line['goal_best_auc']}), "
            f"the choice loses {line['median_loss_of_choice']:.3f} (goal {LOSS_GOAL}); others "
            + ", ".join(f"{name} {auc:.3f}" for name, auc in line["median_auc_of_others"].items())
        )
    draw(rows, arguments.result.with_suffix(".png"))


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the trainings into a PNG."""
    _, picture = save(figure(rows), path.with_suffix(""))
    picture.with_suffix(".pdf").unlink()


if __name__ == "__main__":
    main()
