"""Why does a small file give less than it holds? Labelled boxes of a thousand events, with and without signal.

    python analysis/small_samples.py --boxes 60
    python analysis/small_samples.py --boxes 130 --sets package --first 1000
    python analysis/small_samples.py --surface bumphunt/pipeline/null_surface_small.json

Boxes of a division (numbers of the same thousand) have no event in common, those of two divisions a few. Background
is that of the labelled R&D-like sample between 3.0 and 4.5 TeV, signal is the labelled one of 3500/500/100 GeV, 1.3
standard deviations of the events in one window before any cut. Labels make the boxes and reach nothing else. Each
line of ``analysis/results/small_samples.jsonl`` holds the uncalibrated significances of one box for one setting of
the trees (``set``), by background: the form fitted to the selected spectrum, a smooth efficiency times the counts
before the cut, or times a form fitted to these (``smooth_``). A table gives mean and width without signal, and the
median with signal after calibration by these.
"""

import argparse
from functools import lru_cache
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd

import bumphunt
from bumphunt.calibration.whole_searches import null_points
from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.files import write_json
from bumphunt.pipeline.null import Null, NullPoint, training_settings
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.small_files import FEW
from bumphunt.pipeline.windows import WindowTask, primary_scores, search_window
from bumphunt.significance.form import form_difference, with_form_difference
from bumphunt.significance.p_values import counting_p_value
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.efficiency import fit_efficiency
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import z_from_p

CWOLA = AnalysisConfig().cwola
LOW, HIGH, WINDOW = 3000.0, 4540.0, (3380.0, 3800.0)
STRENGTH = 1.3
WAYS = ("package", "form", "constant", "slope", "chosen", "smooth_constant", "smooth_slope", "smooth_chosen")
CUTS = (0.01, 0.05, 0.1)
A_DIVISION = 1000
KEY = ("set", "size", "number", "signal")
SETS: dict[str, dict[str, Any]] = {
    "default": {},
    "package": {},
    "leaf_10": {"min_samples_leaf": 10},
    "leaf_20": {"min_samples_leaf": 20},
    "leaf_80": {"min_samples_leaf": 80},
    "leaf_5": {"min_samples_leaf": 5},
    "leaf_10_bins_32": {"min_samples_leaf": 10, "max_bins": 32},
    "leaf_10_iter_40": {"min_samples_leaf": 10, "max_iter": 40},
    "leaf_10_iter_40_slow": {"min_samples_leaf": 10, "max_iter": 40, "learning_rate": 0.05},
    "leaf_10_folds_5": {"min_samples_leaf": 10, "folds": 5},
    "bins_8": {"max_bins": 8},
    "bins_32": {"max_bins": 32},
    "iter_10": {"max_iter": 10},
    "iter_60": {"max_iter": 60},
    "leaves_4": {"max_leaf_nodes": 4},
    "leaves_8": {"max_leaf_nodes": 8},
    "folds_5": {"folds": 5},
    "folds_10": {"folds": 10},
    "no_decorrelation": {"decorrelate": False},
}


@lru_cache
def samples(division: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return background and signal in the range, shuffled in a way of this division."""
    table = pd.read_parquet("data/lhco_rnd.parquet")
    table = table[(table["mjj"] > LOW) & (table["mjj"] < HIGH)].sample(frac=1.0, random_state=20_263 + division)
    return table[table["label"] == 0].reset_index(drop=True), table[table["label"] == 1].reset_index(drop=True)


def make_box(number: int, size: int, *, with_signal: bool) -> BlindEvents:
    """Return box ``number``: rows of its own, and signal for an excess of 1.3 standard deviations in the window."""
    division, place = divmod(number, A_DIVISION)
    background, signal = samples(division)
    if (place + 1) * size > len(background):
        raise SystemExit(f"there are {len(background)} background events: fewer or smaller boxes")
    own = background.iloc[place * size : (place + 1) * size]
    if with_signal:
        inside = own["mjj"].between(*WINDOW).sum()
        chosen = signal[signal["mjj"].between(*WINDOW)]
        rng = np.random.default_rng([20_263, number])
        injected = chosen.iloc[rng.choice(len(chosen), size=round(STRENGTH * inside**0.5), replace=False)]
        own = pd.concat([own, injected]).sample(frac=1.0, random_state=number)
    return drop_truth(own.reset_index(drop=True))


def significances(task: WindowTask) -> dict[str, float]:
    """Return the uncalibrated significance of the window by background and cut."""
    scores = primary_scores(task, task.folds())
    before = count(task.mjj, task.edges)
    masked = task.window.masked_bins(task.edges, guard=task.config.search.guard_bins)
    window = task.window.bins(task.edges)
    whole = Spectrum(counts=before, edges=task.edges, sqrt_s=task.config.sqrt_s).with_window(window, masked=masked)
    form = form_difference(whole)
    smooth = fit_spectrum(whole, family="auto")
    found: dict[str, float] = {"form": form.relative}
    for cut in CUTS:
        weights = scores.frequency[scores.place(cut)].astype(np.float64)
        counts, squares = (np.histogram(task.mjj, bins=task.edges, weights=w)[0] for w in (weights, weights**2))
        effective = counts * counts[~masked].sum() / squares[~masked].sum()
        spectrum = Spectrum(counts=effective, edges=task.edges, sqrt_s=task.config.sqrt_s).with_window(
            window, masked=masked
        )
        result = with_form_difference(window_significance(spectrum, family="auto", inclusive=before), form)
        found |= {f"form_{cut:g}": result.z_stat, f"form_systematic_{cut:g}": result.z_local}
        observed = float(effective[window].sum())
        for name, degrees in (("constant", (0,)), ("slope", (1,)), ("chosen", (1, 2, 3))):
            fit = fit_efficiency(spectrum, before, degrees=degrees)
            p_value = counting_p_value(observed, fit.window_expected, fit.window_error)
            found[f"{name}_{cut:g}"] = z_from_p(p_value)
            fit = fit_efficiency(spectrum, smooth.expected, degrees=degrees)
            error = float(
                np.hypot(fit.window_error, fit.window_expected * smooth.window_error / smooth.window_expected)
            )
            found[f"smooth_{name}_{cut:g}"] = z_from_p(counting_p_value(observed, fit.window_expected, error))
        # no repeat alone decides: how much of the counts in the window each way expects
        found |= {f"n_{cut:g}": observed, f"expected_{cut:g}": fit.window_expected, f"error_{cut:g}": error}
        found |= {f"form_expected_{cut:g}": result.n_expected, f"form_error_{cut:g}": result.n_expected_error}
    return {name: round(value, 4) for name, value in found.items()}


def as_packaged(task: WindowTask) -> dict[str, float]:
    """Return the uncalibrated significances that a hunt gives, by cut."""
    found = search_window(task).results
    return {f"package_{each.cut_fraction:g}": round(each.z_raw, 4) for each in found if not each.note} | {
        f"n_window_{each.cut_fraction:g}": each.n_window for each in found
    }


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Analyse one box with one setting."""
    box = make_box(task["number"], task["size"], with_signal=task["signal"])
    search = prepare_search(box, _config(task["set"]), task["number"])
    if task["set"] == "package":
        return as_packaged(search.tasks[0])
    return significances(search.tasks[0])


def _config(name: str) -> bumphunt.AnalysisConfig:
    search = {"low": LOW, "high": HIGH, "windows": [WINDOW], "cut_fractions": list(CUTS), "null_width": 1.0}
    # the settings of old, where not those of the package as it stands
    old = {} if name == "package" else {"min_samples_leaf": 40, **SETS[name]}
    return config_from_dict({"search": search, "cwola": old})


def table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return mean and width without signal and the calibrated median with signal, by setting, background and cut."""
    frame = pd.DataFrame(boxes.latest(lines, KEY))
    rows = []
    for (name, size), group in frame.groupby(["set", "size"], sort=False):
        null, signal = group[~group["signal"]], group[group["signal"]]
        for way in WAYS:
            for cut in CUTS:
                z, found = (part.get(f"{way}_{cut:g}", pd.Series(dtype=float)).dropna() for part in (null, signal))
                if len(z) < 2 or len(found) == 0:
                    continue
                calibrated = (found - max(z.mean(), 0.0)) / z.std()
                rows.append(
                    {
                        "set": name,
                        "size": size,
                        "background": way,
                        "cut": cut,
                        "nulls": len(z),
                        "mean": round(z.mean(), 2),
                        "width": round(z.std(), 2),
                        "signals": len(found),
                        "median_raw": round(found.median(), 2),
                        "median_calibrated": round(calibrated.median(), 2),
                        "with_mean": round(((found - z.mean()) / z.std()).median(), 2),
                    }
                )
    return pd.DataFrame(rows)


def write_surface(lines: list[dict[str, Any]], path: Path) -> None:
    """Write means and widths without signal in the first division, as used in small files; test them on the others."""
    lines = boxes.latest(lines, KEY)
    lines = [line for line in lines if line["set"] == "package" and not line["signal"] and line["size"] < FEW]
    points: list[Any] = []
    for size in sorted({line["size"] for line in lines}):
        rows = [
            [line["number"], *WINDOW, cut, line[f"n_window_{cut:g}"], line[f"package_{cut:g}"]]
            for line in lines
            for cut in CUTS
            if line["size"] == size and f"package_{cut:g}" in line
        ]
        own = np.array(rows, dtype=np.float64)
        first = own[:, 0] < A_DIVISION
        points += null_points(own[first], n_features=4, repeats=CWOLA.repeats, folds=CWOLA.folds)
        null = Null(method="", points=tuple(points))
        for cut in CUTS:
            seen = [
                (row[5], *null.at(n_window=row[4], cut_fraction=cut, n_features=4, repeats=CWOLA.repeats))
                for row in own[~first & (own[:, 3] == cut)]
            ]
            z = np.array([(value - mean) / width for value, mean, width in seen])
            above = ", ".join(f"{int((z > level).sum())} above {level}" for level in (1, 2, 3))
            print(f"size {size}, cut {cut:g}: {len(z)} z: mean {z.mean():+.3f}, width {z.std(ddof=1):.3f}; {above}")
    content = {
        "method": "surface measured in small signal-free simulated boxes",
        "n_searches": len({(line["size"], line["number"]) for line in lines if line["number"] < A_DIVISION}),
        "settings": training_settings(CWOLA),
        "points": [{name: getattr(point, name) for name in NullPoint.__dataclass_fields__} for point in points],
        "commit": boxes.commit(),
        "command": "python analysis/small_samples.py --surface",
    }
    write_json(path, content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=60)
    parser.add_argument("--signals", type=int, default=60, help="of these boxes, how many are made with signal as well")
    parser.add_argument("--first", type=int, default=0, help="number of the first box; 1000 starts another division")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["default"])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "small_samples.jsonl")
    parser.add_argument("--surface", type=Path, help="write means and widths of the set package to this file")
    arguments = parser.parse_args()
    if arguments.surface is not None:
        write_surface(boxes.read(arguments.result), arguments.surface)
        return
    for name in arguments.sets:
        tasks = [
            {"set": name, "number": number, "size": arguments.size, "signal": signal}
            for number in range(arguments.first, arguments.first + arguments.boxes)
            for signal in ((False, True) if number < arguments.first + arguments.signals else (False,))
        ]
        boxes.grow(
            arguments.result,
            one_box,
            tasks,
            origin=boxes.stamp(_config(name), seed=20_263),
            workers=arguments.workers,
            key=KEY,
        )
    print(table(boxes.read(arguments.result)).to_string(index=False))


if __name__ == "__main__":
    main()
