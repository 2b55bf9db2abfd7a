"""How close weak supervision comes to the supervised limit, what helped, and whether it invents anything.

    make cwola-quality

The mixture of the public benchmark, S/B = 0.64 % in 3.3-3.7 TeV with signal at 3500/500/100 GeV, at two sizes: the
labelled sample (300 thousand background events) and a million. Every classifier is judged on the same independent
labelled events. Finished trainings are kept under --output and not repeated; the summary goes to --result.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from background_pool import labelled_box
from origin import stamped

import bumphunt

LOW, HIGH = 3300.0, 3700.0
WINDOW = bumphunt.preprocessing.MassWindow(low=LOW, high=HIGH, sideband_low=2900.0, sideband_high=4400.0)
SEARCHED = (2850.0, 7000.0)
FOUR = ("mj1", "mj2", "tau21_1", "tau21_2")
EIGHT = (*FOUR, "tau32_1", "tau32_2", "massdrop_1", "massdrop_2")
S_OVER_B = 0.0064
MEMBERS = 8
EFFICIENCIES = (0.2, 0.3)

Table = pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Background that is searched, background to test on, and signal for both."""

    name: str
    data: Table
    test: Table
    signal: Table

    @property
    def n_injected(self) -> int:
        """Signal events in the whole mixture."""
        return round(S_OVER_B * in_region(self.data).sum() / in_region(self.signal).mean())


def in_region(table: Table) -> npt.NDArray[np.bool_]:
    return WINDOW.signal_region(table["mjj"].to_numpy())


def samples(scratch: Path) -> dict[str, Sample]:
    labelled = bumphunt.read_events("data/lhco_rnd.parquet")
    box = labelled_box(scratch)
    truth = bumphunt.events.truth_labels(labelled)
    signal, small = labelled[truth], labelled[~truth]
    large = box[~bumphunt.events.truth_labels(box)]
    return {
        "labelled": Sample(name="labelled", data=small, test=large, signal=signal),
        "million": Sample(name="million", data=large, test=small, signal=signal),
    }


def mixture(sample: Sample, seed: int, n_signal: int) -> tuple[Table, Table]:
    """Return data with signal mixed in, searched range only, and the signal left to test on."""
    chosen = sample.signal.sample(n_signal, random_state=seed)
    data = pd.concat([sample.data, chosen]).sample(frac=1.0, random_state=seed)
    return (
        data[(data["mjj"] > SEARCHED[0]) & (data["mjj"] < SEARCHED[1])].reset_index(drop=True),
        sample.signal.drop(chosen.index),
    )


def features(table: Table, names: tuple[str, ...], noise: int) -> npt.NDArray[np.float64]:
    """Return feature rows, with columns of noise added."""
    rows = table[list(names)].to_numpy(dtype=np.float64)
    if noise:
        extra = np.random.default_rng(len(table)).standard_normal((len(table), noise))
        rows = np.column_stack([rows, extra])
    return rows


def quality(score_signal: npt.NDArray[np.float64], score_background: npt.NDArray[np.float64]) -> dict[str, Any]:
    truth = np.concatenate([np.ones(len(score_signal)), np.zeros(len(score_background))])
    score = np.concatenate([score_signal, score_background])
    found = bumphunt.scores.significance_improvement(score, truth)
    row: dict[str, Any] = {
        "auc": bumphunt.scores.roc(score, truth).auc,
        "max_sic": found.max_sic,
        "max_sic_band": found.max_sic_band,
        "max_sic_eff_s": found.max_sic_eff_s,
        "n_signal": found.n_signal,
        "n_background": found.n_background,
    }
    for efficiency in EFFICIENCIES:
        # beyond the floor of 25 background events no number is quoted
        row[f"sic_{efficiency:g}"] = None
        valid = found.valid & (found.eff_s >= efficiency)
        if valid[int(np.argmax(found.eff_s >= efficiency))]:
            row[f"sic_{efficiency:g}"] = bumphunt.scores.sic_at(found, efficiency)[0]
    return row


def cwola(
    sample: Sample,
    seed: int,
    names: tuple[str, ...] = FOUR,
    *,
    n_signal: int | None = None,
    noise: int = 0,
    decorrelate: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Train region against sidebands on a mixture, judge on independent events of the region."""
    data, rest = mixture(sample, seed, sample.n_injected if n_signal is None else n_signal)
    mjj = data["mjj"].to_numpy()
    lower, region, upper = WINDOW.lower_sideband(mjj), WINDOW.signal_region(mjj), WINDOW.upper_sideband(mjj)
    weights = bumphunt.preprocessing.balanced_weights(lower, region, upper)
    flat = bumphunt.preprocessing.SmoothDecorrelation().fit(features(data, names, noise), mjj) if decorrelate else None

    def seen(table: Table) -> npt.NDArray[np.float64]:
        rows = features(table, names, noise)
        return rows if flat is None else flat.transform(rows, table["mjj"].to_numpy())

    used = weights > 0
    trees = bumphunt.scores.BoostedTrees(**{"members": MEMBERS, "seed": seed, **settings})
    trees.fit(seen(data)[used], region[used], weights=weights[used])
    signal, background = rest[in_region(rest)], sample.test[in_region(sample.test)]
    return quality(trees.anomaly_score(seen(signal)), trees.anomaly_score(seen(background)))


def idealised(sample: Sample, seed: int, names: tuple[str, ...] = FOUR) -> dict[str, Any]:
    """Train data in the region against pure background there: half of the test events, judged on the other half."""
    data, rest = mixture(sample, seed, sample.n_injected)
    data, signal, pure = data[in_region(data)], rest[in_region(rest)], sample.test[in_region(sample.test)]
    order = np.random.default_rng(seed).permutation(len(pure))
    template, judged = pure.iloc[order[::2]], pure.iloc[order[1::2]]
    rows = np.concatenate([features(data, names, 0), features(template, names, 0)])
    is_data = np.arange(len(rows)) < len(data)
    weights = np.where(is_data, 0.5 / len(data), 0.5 / len(template)) * len(rows)
    trees = bumphunt.scores.BoostedTrees(members=MEMBERS, seed=seed).fit(rows, is_data, weights=weights)
    return quality(*(trees.anomaly_score(features(part, names, 0)) for part in (signal, judged)))


def supervised(sample: Sample, seed: int, names: tuple[str, ...] = FOUR) -> dict[str, Any]:
    """Train on labelled events of the region, as many of signal as there are for the test."""
    order = sample.signal[in_region(sample.signal)].sample(frac=1.0, random_state=seed)
    signal, judged = order.iloc[::2], order.iloc[1::2]
    background = sample.data[in_region(sample.data)]
    rows = np.concatenate([features(signal, names, 0), features(background, names, 0)])
    trees = bumphunt.scores.SupervisedTrees(max_iter=200, learning_rate=0.05, seed=seed)
    trees.fit(rows, np.arange(len(rows)) < len(signal))
    test = sample.test[in_region(sample.test)]
    return quality(*(trees.anomaly_score(features(part, names, 0)) for part in (judged, test)))


Job = tuple[str, str, int]


def plan(trainings: int) -> list[Job]:
    """Return (method, sample, seed) of all trainings."""
    few = max(trainings // 3, 2)
    jobs = [
        (method, sample, seed)
        for sample in ("labelled", "million")
        for method in ("cwola4", "supervised4", "cwola8", "supervised8", "idealised4")
        for seed in range(trainings)
    ]
    jobs += [(f"cwola4_bins{bins}", "labelled", seed) for bins in (255, 64, 16) for seed in range(trainings)]
    jobs += [("cwola4_as_it_is", "labelled", seed) for seed in range(trainings)]
    jobs += [("cwola4_noise10", sample, seed) for sample in ("labelled", "million") for seed in range(few)]
    jobs += [("cwola4_no_signal", "labelled", seed) for seed in range(trainings)]
    return jobs + [(f"cwola4_part{part}", "million", seed) for part in (10, 25, 50) for seed in range(few)]


def train(job: Job, output: Path, sample: Sample) -> dict[str, Any]:
    """Do one training, or read what it gave."""
    method, name, seed = job
    path = output / f"{method}_{name}_{seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    names = EIGHT if "8" in method.split("_")[0] else FOUR
    kind, _, option = method.partition("_")
    if kind.startswith("supervised"):
        row = supervised(sample, seed, names)
    elif kind.startswith("idealised"):
        row = idealised(sample, seed, names)
    elif option.startswith("bins"):
        row = cwola(sample, seed, names, max_bins=int(option[4:]))
    elif option.startswith("noise"):
        row = cwola(sample, seed, names, noise=int(option[5:]))
    elif option.startswith("part"):
        row = cwola(sample, seed, names, n_signal=round(sample.n_injected * int(option[4:]) / 100))
    elif option == "as_it_is":
        row = cwola(sample, seed, names, max_bins=255, decorrelate=False)
    else:
        row = cwola(sample, seed, names, n_signal=0 if option == "no_signal" else None)
    path.write_text(json.dumps(row))
    return row


def summarise(jobs: list[Job], rows: list[dict[str, Any]], found: dict[str, Sample]) -> dict[str, Any]:
    """Return median and spread of each method, ratios to the supervised limit, and sigma_min."""
    summary: dict[str, Any] = {}
    for name, sample in found.items():
        region = int(in_region(sample.data).sum())
        summary[name] = {
            "background_in_region": region,
            "signal_in_region": round(S_OVER_B * region),
            "test_background": int(in_region(sample.test).sum()),
        }
    for method, name in dict.fromkeys((job[0], job[1]) for job in jobs):
        chosen = [row for job, row in zip(jobs, rows, strict=True) if job[:2] == (method, name)]
        entry: dict[str, Any] = {"trainings": len(chosen)}
        for key in ("auc", "max_sic", "sic_0.2", "sic_0.3"):
            values = [row[key] for row in chosen if row[key] is not None]
            entry[key] = [round(float(q), 3) for q in np.quantile(values, (0.5, 0.16, 0.84))] if values else None
        summary[name][method] = entry
    for name in found:
        part = summary[name]
        for number in (4, 8):
            ratio = part[f"cwola{number}"]["max_sic"][0] / part[f"supervised{number}"]["max_sic"][0]
            part[f"max_sic_ratio_to_supervised{number}"] = round(ratio, 3)
    summary["million"]["sigma_min"] = sigma_min(jobs, rows, found["million"])
    return summary


def sigma_min(jobs: list[Job], rows: list[dict[str, Any]], sample: Sample) -> dict[str, float]:
    region = in_region(sample.data).sum()
    parts = {10: "cwola4_part10", 25: "cwola4_part25", 50: "cwola4_part50", 100: "cwola4"}
    series = {
        part: [row["max_sic"] for job, row in zip(jobs, rows, strict=True) if job[:2] == (method, "million")]
        for part, method in parts.items()
    }
    least = min(len(values) for values in series.values())
    inclusive = [part / 100 * S_OVER_B * region / np.sqrt(region) for part in parts]
    curve = np.array([values[:least] for values in series.values()]).T
    found = bumphunt.scores.sigma_min_of_injections(inclusive, curve)
    return {key: round(float(getattr(found, key)), 2) for key in ("value", "low", "high")} | {
        "is_bound": found.is_bound
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("out/cwola_quality"))
    parser.add_argument("--result", type=Path, default=Path("analysis/results/cwola_quality.json"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    found = samples(arguments.output)
    jobs = plan(arguments.trainings)
    with joblib.parallel_config(backend="loky", n_jobs=arguments.workers, inner_max_num_threads=1):
        rows = joblib.Parallel(verbose=1)(joblib.delayed(train)(job, arguments.output, found[job[1]]) for job in jobs)
    summary = summarise(jobs, rows, found)
    arguments.result.write_text(json.dumps(stamped(summary), indent=1) + "\n")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
