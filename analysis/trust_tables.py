"""Write the tables of docs/trust.md and of README from analysis/results, between marks in the pages.

    python analysis/trust_tables.py

A table that is not of the last results fails a test; what is around the tables is written by hand.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import reach_curves
from boxes import latest
from markdown_tables import MINUS, binomial, lines, load, table, with_error
from mass_tables import (
    ANSWERED,
    injected,
    injection_points,
    injections,
    jet_mass_scale,
    near_threshold,
    other_simulation,
    pulls_of,
)
from records import write

RESULTS = Path(__file__).resolve().parent / "results"
ROOT = RESULTS.parents[1]


def main() -> None:
    for name, tables in PAGES.items():
        write(ROOT / name, with_tables((ROOT / name).read_text("utf-8"), tables))
        print(f"{name}: {len(tables)} tables")


def with_tables(text: str, tables: dict[str, Callable[[Path], str]], results: Path = RESULTS) -> str:
    """Return a page with every marked table made anew."""
    for name, make in tables.items():
        mark = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.S)
        if not mark.search(text):
            raise SystemExit(f"the page has no place for the table {name!r}")
        rows = make(results)
        text = mark.sub(lambda found, rows=rows: f"{found[1]}{rows}\n{found[2]}", text)
    return text


FEATURES = "τ21 shifted in 3.9–4.4 TeV"
NOMINAL = ("100000", "20000 two cuts")
"""Boxes of the prior-assisted search as it is, on background as it is simulated."""
SILENT: dict[str, str] = {
    "whole_numbers": "features of few values that follow mjj, 20,000",
    "follow": "jet masses follow mjj, 50,000",
    "w_like": "3 % of events with a jet like that of a W boson, 50,000",
    "hump": "a kind of jets more frequent about 4 TeV, 50,000",
    "feature": f"{FEATURES}, 50,000",
    "100000": "nominal",
    "20000 two cuts": "nominal, 20,000",
    "20000": "nominal, 20,000, before the second cut",
    "100000 sharper detector": "another simulation, sharper detector",
    "100000 follow": "jet masses follow mjj",
    "100000 hump": "a kind of jets more frequent about 4 TeV",
    "100000 feature": FEATURES,
}


def false_alarms(results: Path) -> str:
    """Return how often boxes without signal exceed 1, 2 and 3 global, and how many of those pass their checks."""
    joint = load(results, "joint_nulls")["boxes"]
    rows = [
        alarm_row(text, name, [(box[key], True) for box in joint if box["size"] == size])
        for name, key in (("both, counted as two trials", "z_both"), ("`cwola`", "z_cwola"))
        for text, size in (("nominal", 100_000), ("nominal, 20,000", 20_000))
    ]
    prior: dict[str, dict[int, dict[str, Any]]] = {}
    for line in lines(results, "prior_nulls"):
        # a box that was done again with more checks counts once
        prior.setdefault(line["set"], {})[line["number"]] = line
    cwola: dict[str, list[dict[str, Any]]] = {}
    for line in latest(lines(results, "sculpted_nulls")):
        cwola.setdefault(line["set"], []).append(line)
    for key, text in SILENT.items():
        if key in prior:
            found = [(line["z_permuted"], not line.get("failed")) for line in prior[key].values()]
            rows.append(alarm_row(text, "`prior`", found))
        else:
            found = [(line["z_global"], line["status"] != "unverified_excess") for line in cwola[key]]
            # only the prior has no significance of statistics alone: where it answered, both were run
            both = any(line["z_stat"] is None for line in cwola[key])
            rows.append(alarm_row(text, "both" if both else "`cwola`", found))
    header = ["background, 100,000 events where no other number is said", "search", "boxes"]
    levels = ["above 1σ global (15.9 % expected)", "above 2σ (2.3 %)", "above 3σ (0.13 %)", "of these claimed"]
    return table([*header, *levels], rows)


def alarm_row(text: str, search: str, found: list[tuple[float, bool]]) -> list[str]:
    """Return a row of the table of false alarms from (global z, passes its checks) of boxes."""
    z = np.array([each for each, _ in found])
    counts = [binomial(int((z > level).sum()), len(z)).replace(f" of {len(z)}", "") for level in (1.0, 2.0, 3.0)]
    return [text, search, str(len(z)), *counts, str(sum(passed for each, passed in found if each > 3.0))]


SCORES = {
    "cwola4": "CWoLa, (mj1, mj2, τ21×2)",
    "supervised4": "supervised, same features",
    "cwola8": "CWoLa, all eight features",
    "supervised8": "supervised, all eight",
    "cwola4_as_it_is": "trees as they come (no decorrelation, 255 bins)",
    "cwola4_noise10": "four features and ten of noise",
    "cwola4_no_signal": "no signal in the data",
}


def cwola_quality(results: Path) -> str:
    found = load(results, "cwola_quality")
    small, large = found["labelled"], found["million"]

    def sic(sample: dict[str, Any], name: str) -> str:
        return f"{sample[name]['max_sic'][0]:.1f}" if name in sample else ""

    rows = [[text, sic(small, name), sic(large, name)] for name, text in SCORES.items()]
    columns = [
        f"{size} background ({one['signal_in_region']} signal in {one['background_in_region'] / 1e3:.0f} k)"
        for size, one in (("300 k", small), ("1 M", large))
    ]
    told = f"max SIC at more than 25 background events, median of {small['cwola4']['trainings']} trainings"
    return table([f"{told} ({small['cwola4_noise10']['trainings']} with noise)", *columns], rows)


def fits(results: Path) -> str:
    """Return false alarms of fits and counts on toys without signal, in units of the nominal rate."""
    found = load(results, "fit_calibration")
    rows = []
    for name, text in (("profile_likelihood", "likelihood"), ("counting", "count in a window")):
        for key, one in found[name].items():
            ratios = [with_error(rate["ratio"], rate["error"]) for rate in one["rates"]]
            key = re.sub(r"(\d)000 events", r"\1,000 events", key.replace("gp(1,10)", "Gaussian process"))
            rows.append([f"{text}, {key}", f"{one['toys']:,}", *ratios])
    scan = found["global_p_values"]
    ratios = [with_error(row["toys_over_bound"], row["error"]) for row in scan["rows"]]
    rows.append(["global p-value of a scan over mass, by upcrossings", f"{scan['toys']:,}", *ratios])
    return table(["toys without signal, over nominal", "toys", "1σ", "2σ", "3σ", "3.5σ"], rows)


def real_spectra(results: Path) -> str:
    rows = []
    for name, one in load(results, "real_spectra")["spectra"].items():
        p_value = one["p_value"]
        rows.append(
            [
                name.replace("_", " "),
                f"{one['chi2_over_ndf']:.2f}",
                f"{p_value:.2f}" if p_value > 0.1 else f"{p_value:.3f}",
                f"{one['p_value_toys']:.2f}" if one["p_value_toys"] > 0.1 else f"{one['p_value_toys']:.3f}",
            ]
        )
    return table(["spectrum", "χ²/ndf", "p (asymptotic)", "p (toys)"], rows)


def power(results: Path) -> str:
    """By set and commit, in the order they were measured."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines(results, "power"):
        groups.setdefault((line["set"], line["commit"]), []).append(line)
    rows = []
    for (name, commit), boxes in groups.items():
        claimed = [box for box in boxes if box["status"] != "none"]
        verified = sum(box["status"] != "unverified_excess" for box in claimed)
        z = float(np.median([box["z_global"] for box in boxes]))
        rows.append(
            [name, f"`{commit}`", str(len(boxes)), f"{z:.1f}".replace("-", MINUS), str(len(claimed)), str(verified)]
        )
    return table(["signal events", "commit", "boxes", "median global z", "claimed", "of these verified"], rows)


def summary(results: Path) -> str:
    """Return the six rows of README."""
    joint = [box["z_both"] > 3.0 for box in load(results, "joint_nulls")["boxes"]]
    alone = [line["z_permuted"] > 3.0 for line in latest(lines(results, "prior_nulls")) if line["set"] in NOMINAL]
    silent = f"{binomial(sum(joint), len(joint))}; prior-assisted alone {binomial(sum(alone), len(alone))}"
    strong = [box for box in lines(results, "power") if box["set"] == "180"]
    strong = [box for box in strong if box["commit"] == strong[-1]["commit"]]
    claimed = sum(box["status"] in ("evidence", "discovery") for box in strong)
    z = float(np.median([box["z_global"] for box in strong]))
    quality, weak = load(results, "cwola_quality")["labelled"], weak_signal(results)
    good = injected(results, "nominal")[1]
    toys = load(results, "fit_calibration")["profile_likelihood"]["300000 events"]
    three = next(rate for rate in toys["rates"] if rate["sigma"] == 3.0)
    inside = [int((np.abs(pulls_of(good, name, total=False)) <= 1).sum()) for name in ANSWERED]
    covered = f"{', '.join(str(one) for one in inside)} of {len(good)} (68 % meant)"
    rows = [
        [
            "above 3σ global in boxes of 20,000 and 100,000 without signal, both searches",
            silent,
            "`python analysis/joint_nulls.py`",
        ],
        [
            f"180 signal events in 100,000; {weak['injected']} in {weak['size']:,} (S/√B {weak['strength']:g})",
            f"{claimed} of {len(strong)} claimed, median {z:.1f}σ global; {weak['both'][1]:.1f}σ, `cwola` alone "
            f"{weak['cwola'][1]:.1f}σ",
            "`make power`, `make reach`",
        ],
        [
            "significance improvement of the score, S/B = 0.64 %, 300 k events",
            f"{quality['cwola4']['max_sic'][0]:.1f} (supervised {quality['supervised4']['max_sic'][0]:.1f})",
            "`make cwola-quality`",
        ],
        ["true m_resonance, m_x, m_y, yield in the statistical interval", covered, "`make injections`"],
        [
            f"fit: signal-free toys above 3σ, {toys['toys'] / 1e6:g} million",
            f"{three['ratio']:.2f} ± {three['error']:.2f} of nominal",
            "`make fit-calibration`",
        ],
        real_signal(load(results, "real_signal")),
    ]
    return table(["what", "measured", "command"], rows)


def weak_signal(results: Path) -> dict[str, Any]:
    """Return the boxes of weak signal that no design was tuned on, searched in all windows of many events."""
    kind = ("black_box", 300_000, 0.55, False)
    rows = reach_curves.curves(lines(results, "reach_both"))
    return next(row for row in rows if (row["model"], row["size"], row["strength"], row["near"]) == kind)


def real_signal(found: dict[str, Any]) -> list[str]:
    """Return the row on real R&D signal: what is answered, and what is true."""
    answers, true = found["answers"], found["true"]
    names = {"m_resonance": 0, "m_x": 1, "m_y": 1, "n_signal": 0}
    numbers = [
        f"{answers[name]['value']:.{digits}f} ± {0.5 * (answers[name]['high'] - answers[name]['low']):.{digits}f}"
        for name, digits in names.items()
    ]
    limit = answers["upper_limit"]
    told = (
        f"{answers['z_global']:.1f}σ; {numbers[0]}, {numbers[1]}, {numbers[2]} GeV, {numbers[3]} events; at most "
        f"{limit['n_signal_95']:.0f} before the cut, {limit['selected']['n_signal_95']:.0f} after it (95 % CLs)"
    )
    masses = "/".join(f"{true[name]:.0f}" for name in ("m_resonance", "m_x", "m_y"))
    what = f"{true['n_signal']} real events of {masses} among {found['n_events']:,} of R&D data"
    return [f"{what}, jet masses alone, one window", told, "`python analysis/real_signal.py`"]


TABLES: dict[str, Callable[[Path], str]] = {
    "power": power,
    "false_alarms": false_alarms,
    "cwola_quality": cwola_quality,
    "fits": fits,
    "real_spectra": real_spectra,
    "injections": injections,
    "injection_points": injection_points,
    "near_threshold": near_threshold,
    "other_simulation": other_simulation,
}


def scale(results: Path) -> str:
    """Say what runs of more and more events need, and what an event adds."""
    found = load(results, "scale")
    rows = [
        [
            f"{row['events']:,}".replace(",", "\u202f"),
            row["searches"],
            f"{row['repeats']}, {'with' if row['networks'] else 'no'} networks, {row['workers']} workers",
            f"{row['n_windows']}",
            f"{row['peak_mb'] / 1000:.2f} GB",
            f"{row['cpu_seconds']:.0f} s",
        ]
        for row in found["rows"]
    ]
    lines_ = [table(["events", "searches", "repeats", "windows", "peak memory", "CPU time"], rows)]
    for fit in found["fits"]:
        lines_.append(
            f"\nA straight line through those of {fit['repeats']} repeats by `{fit['searches']}`: "
            f"{fit['mb_once'] / 1000:.2f} GB and {fit['bytes_an_event']} bytes an event, "
            f"{fit['cpu_seconds_once']:.0f} s and {fit['cpu_microseconds_an_event']:.0f} µs of CPU time an event."
        )
    return "\n".join(lines_)


PAGES = {
    "docs/prior-search.md": {
        "reach": lambda results: table(
            *reach_curves.table(lines(results, "reach_both"), lines(results, "reach_before"))
        )
    },
    "docs/trust.md": TABLES,
    "docs/masses.md": {"jet_mass_scale": jet_mass_scale},
    "README.md": {"summary": summary},
    "docs/cluster.md": {"scale": scale},
}

if __name__ == "__main__":
    main()
