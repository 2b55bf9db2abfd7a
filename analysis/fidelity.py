"""Compare simulated events with the real R&D events of the LHC Olympics.

    make fidelity

Real events: ../shared/data (the first 10,000 events' jets, the first 1000 events' particles), or for more of
them --features with the official features file (`bumphunt fetch lhco-rnd-features`). Simulated events: the
shipped sample, and one of particles that is made if it is missing. Prints a table, writes
analysis/results/fidelity.json and figures.

A distance is that of Kolmogorov and Smirnov. Its noise is what two samples of these sizes of the same events
exceed in 5 % of cases: by formula for one number per event, by exchanging events for particles.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from origin import stamped

import bumphunt

Array = npt.NDArray[np.float64]
Samples = dict[str, Array]

WINDOW = (3300.0, 3700.0)
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
KINDS = ("background", "signal")
GOAL = {"background": 0.02, "signal": 0.04}
GOAL_TAU = {"background": 0.020, "signal": 0.015}
PUBLISHED_TAU = {
    ("background", "tau21_2"): (0.256, 0.462, 0.600, 0.710, 0.836),
    ("background", "tau21_1"): (0.161, 0.332, 0.491, 0.628, 0.780),
    ("signal", "tau21_2"): (0.163, 0.274, 0.380, 0.498, 0.653),
    ("signal", "tau21_1"): (0.065, 0.119, 0.189, 0.305, 0.535),
}
"""Quantiles of the official features (doi:10.5281/zenodo.6466204) in WINDOW, of 121 k and 75 k events."""
WORDS = {
    "mjj": "Dijet mass $m_{jj}$",
    "mj1": "Heavier jet mass $m_{j1}$",
    "mj2": "Lighter jet mass $m_{j2}$",
    "dmj": "Difference of jet masses $m_{j1}-m_{j2}$",
    "ptj_lead": "Leading jet $p_T$",
}
JETS = tuple(WORDS)
REACH = 0.42
"""A ratio farther from 1 is drawn as an arrow."""
REPEATS = 20
RAW_EVENTS = {"background": 12_000, "signal": 4_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=Path("../shared/data"), help="folder of the real events")
    parser.add_argument("--features", type=Path, help="the official features file, for all real jets")
    parser.add_argument("--table", type=Path, default=Path("data/lhco_rnd.parquet"), help="simulated, labelled")
    parser.add_argument("--raw", type=Path, default=Path("out/fidelity/raw.h5"), help="simulated particles")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("analysis/results"))
    arguments = parser.parse_args()
    for file in (arguments.real / "lhco_rnd_first10k_jets.npz", arguments.real / "lhco_rnd_tiny.h5", arguments.table):
        if not file.exists():
            parser.error(f"{file} is missing")
    if not arguments.raw.exists():
        arguments.raw.parent.mkdir(parents=True, exist_ok=True)
        bumphunt.simulation.simulate_sample(
            arguments.raw,
            bumphunt.simulation.Sample(**RAW_EVENTS, masses=(3500.0, 500.0, 100.0), raw=True),
            seed=31,
            workers=arguments.workers,
        )

    real_jets = official_jets(arguments.features) if arguments.features else first_jets(arguments.real)
    simulated_particles, raw_table = particles(arguments.raw)
    real_particles, _ = particles(arguments.real / "lhco_rnd_tiny.h5")
    table = pd.read_parquet(arguments.table)
    simulated_jets = {kind: jets(table[table["label"] == (kind == "signal")]) for kind in KINDS}
    for kind in KINDS:  # the shipped table has no pT
        simulated_jets[kind]["ptj_lead"] = jets(raw_table[raw_table["label"] == (kind == "signal")])["ptj_lead"]

    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        for name in JETS:
            for window in (None, WINDOW):
                if window and name == "ptj_lead":
                    continue
                chosen = [within(sample[kind], name, window) for sample in (real_jets, simulated_jets)]
                rows.append({"kind": kind, "name": name, "window": window, **distance(*chosen)})
        rows += [{"kind": kind, **row} for row in particle_distances(real_particles[kind], simulated_particles[kind])]
    taus = [tau_row(kind, name, table) for kind, name in PUBLISHED_TAU]
    transfer = trained_elsewhere(real_jets, simulated_jets)
    summary = {
        "real_jets": "official features file" if arguments.features else "first 10,000 events",
        "real_particles": "first 1000 events",
        "simulated": {"table": len(table), "particles": RAW_EVENTS},
        "distances": rows,
        "tau21": taus,
        "transfer": transfer,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "fidelity.json").write_text(json.dumps(stamped(summary, seed=31), indent=1) + "\n")
    report(rows, taus, transfer)
    for kind in KINDS:
        shown = panels([real_jets[kind], simulated_jets[kind]], [real_particles[kind], simulated_particles[kind]])
        draw(shown, kind.capitalize(), arguments.output / f"fidelity_{kind}.png")


# ---------------------------------------------------------------- samples


def jets(table: pd.DataFrame) -> Samples:
    columns = {name: table[name].to_numpy(dtype=float) for name in JETS if name in table}
    return {**columns, "dmj": columns["mj1"] - columns["mj2"]}


def first_jets(folder: Path) -> dict[str, Samples]:
    with np.load(folder / "lhco_rnd_first10k_jets.npz") as file:
        masses = np.sort(file["mj"], axis=1)
        table = pd.DataFrame(
            {"mjj": file["mjj"], "mj1": masses[:, 1], "mj2": masses[:, 0], "ptj_lead": file["pt"].max(axis=1)}
        )
        label = file["label"]
    return {kind: jets(table[label == (kind == "signal")]) for kind in KINDS}


def official_jets(path: Path) -> dict[str, Samples]:
    table = bumphunt.read_events(path)
    momenta = pd.read_hdf(path)
    table["ptj_lead"] = np.maximum(*(np.hypot(momenta[f"pxj{j}"], momenta[f"pyj{j}"]) for j in (1, 2)))
    return {kind: jets(table[bumphunt.events.truth_labels(table) == (kind == "signal")]) for kind in KINDS}


def particles(path: Path) -> tuple[dict[str, list[Array]], pd.DataFrame]:
    """Return the (pT, eta, phi) of each event by kind, and the event table with the jets' pT."""
    events: dict[str, list[Array]] = {kind: [] for kind in KINDS}
    tables = []
    for chunk in bumphunt.sources.iter_raw(path):
        tables.append(
            bumphunt.features.event_table(bumphunt.features.padded(chunk.particles), label=chunk.label, kinematics=True)
        )
        for event, label in zip(chunk.particles, chunk.label, strict=True):
            events[KINDS[label]].append(event[event[:, 0] > 0])
    return events, pd.concat(tables, ignore_index=True)


def within(sample: Samples, name: str, window: tuple[float, float] | None) -> Array:
    if window is None:
        return sample[name]
    return sample[name][(sample["mjj"] > window[0]) & (sample["mjj"] < window[1])]


# ---------------------------------------------------------------- distances


def distance(real: Array, simulated: Array) -> dict[str, Any]:
    from scipy.stats import ks_2samp, kstwobign

    noise = kstwobign.isf(0.05) * np.sqrt(1 / len(real) + 1 / len(simulated))
    return {
        "real": len(real),
        "simulated": len(simulated),
        "ks": float(ks_2samp(real, simulated, method="asymp").statistic),
        "noise": float(noise),
        "quantiles_real": np.quantile(real, LEVELS).round(1).tolist(),
        "quantiles_simulated": np.quantile(simulated, LEVELS).round(1).tolist(),
    }


def particle_distances(real: list[Array], simulated: list[Array]) -> Iterator[dict[str, Any]]:
    number = [np.array([len(event) for event in sample], dtype=float) for sample in (real, simulated)]
    yield {"name": "n", "window": None, **distance(*number)}
    for name, column in (("pt", 0), ("eta", 1)):
        values = [np.concatenate([event[:, column] for event in sample]) for sample in (real, simulated)]
        edges = np.unique(np.quantile(values[1], np.linspace(0, 1, 1001)))
        steps = np.array([np.histogram(event[:, column], edges)[0] for event in (*real, *simulated)], dtype=float)
        chosen = np.arange(len(steps)) < len(real)
        rng = np.random.default_rng(1)
        null = [_ks(steps, rng.permutation(chosen)) for _ in range(200)]
        row = distance(*values)
        yield {"name": name, "window": None, **row, "noise": float(np.quantile(null, 0.95))}


def _ks(steps: Array, first: npt.NDArray[np.bool_]) -> float:
    one, two = (np.cumsum(steps[part].sum(axis=0)) for part in (first, ~first))
    return float(np.abs(one / one[-1] - two / two[-1]).max())


def tau_row(kind: str, name: str, table: pd.DataFrame) -> dict[str, Any]:
    chosen = table["mjj"].between(*WINDOW) & (table["label"] == (kind == "signal"))
    found = np.quantile(table.loc[chosen, name], LEVELS)
    published = np.array(PUBLISHED_TAU[kind, name])
    return {
        "kind": kind,
        "name": name,
        "events": int(chosen.sum()),
        "published": published.tolist(),
        "simulated": found.round(3).tolist(),
        "largest": float(np.abs(found - published).max()),
    }


# ---------------------------------------------------------------- a classifier trained on one, used on the other


def trained_elsewhere(real: dict[str, Samples], simulated: dict[str, Samples]) -> dict[str, float]:
    """Compare trees trained on simulated and on as many real events, both tested on other real events.

    The jet masses in WINDOW only: real particles, and with them tau21, are too few here.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    def table(samples: dict[str, Samples]) -> tuple[Array, Array]:
        x = [np.stack([within(samples[kind], name, WINDOW) for name in ("mj2", "dmj")], axis=1) for kind in KINDS]
        return np.concatenate(x), np.repeat([0.0, 1.0], [len(part) for part in x])

    x, y = table(real)
    other_x, other_y = table(simulated)
    figures = []
    for repeat in range(REPEATS):
        rng = np.random.default_rng(repeat)
        train = rng.random(len(y)) < 0.5
        drawn = np.concatenate(
            [rng.choice(np.flatnonzero(other_y == c), int((train & (y == c)).sum()), replace=False) for c in (0.0, 1.0)]
        )
        means, areas = [], []
        for train_x, train_y in ((other_x[drawn], other_y[drawn]), (x[train], y[train])):
            model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.08, random_state=repeat)
            score = model.fit(train_x, train_y).predict_proba(x[~train])[:, 1]
            curve = bumphunt.scores.significance_improvement(score, y[~train])
            means.append(np.mean([np.interp(e, curve.eff_s, curve.sic) for e in (0.3, 0.4, 0.5)]))
            areas.append(bumphunt.scores.roc(score, y[~train]).auc)
        figures.append([*means, *areas])
    simulated_sic, real_sic, simulated_auc, real_auc = np.array(figures).T
    return {
        "training_events": int(train.sum()),
        "sic_ratio": float(np.median(simulated_sic / real_sic)),
        "sic_ratio_spread": float(np.std(simulated_sic / real_sic)),
        "auc_trained_on_simulated": float(simulated_auc.mean()),
        "auc_trained_on_real": float(real_auc.mean()),
        "auc_difference_spread": float(np.std(simulated_auc - real_auc)),
        "repeats": REPEATS,
    }


# ---------------------------------------------------------------- words and pictures


def report(rows: list[dict[str, Any]], taus: list[dict[str, Any]], transfer: dict[str, float]) -> None:
    print(f"{'':11}{'':10}{'mjj (TeV)':>10}{'real':>9}{'simulated':>11}{'KS':>8}{'noise':>8}{'goal':>8}")
    for row in rows:
        goal = GOAL[row["kind"]] + row["noise"]
        window = "3.3-3.7" if row["window"] else "all"
        verdict = "" if row["ks"] <= goal else "  missed"
        print(
            f"{row['kind']:11}{row['name']:10}{window:>10}{row['real']:9}{row['simulated']:11}"
            f"{row['ks']:8.4f}{row['noise']:8.4f}{goal:8.4f}{verdict}"
        )
    for row in taus:
        verdict = "" if row["largest"] <= GOAL_TAU[row["kind"]] else "  missed"
        print(f"{row['kind']:11}{row['name']:10}{row['published']} real")
        print(f"{'':21}{row['simulated']} simulated, at most {row['largest']:.3f} apart{verdict}")
    print(f"trees on the jet masses, trained on {transfer['training_events']} events and tested on real ones:")
    print(
        f"  AUC {transfer['auc_trained_on_simulated']:.4f} trained on simulated, {transfer['auc_trained_on_real']:.4f} "
        f"on real events (difference spreads by {transfer['auc_difference_spread']:.4f})"
    )
    print(
        f"  mean SIC at 30, 40, 50 %: simulated over real {transfer['sic_ratio']:.2f}, "
        f"but spread by {transfer['sic_ratio_spread']:.2f}"
    )


def panels(jets_of: list[Samples], events_of: list[list[Array]]) -> list[tuple[str, str, Array, Array]]:
    """Return label, unit, real and simulated values of each panel."""
    shown = [(WORDS[name], "GeV", *(sample[name] for sample in jets_of)) for name in JETS]
    number = (np.array([len(event) for event in sample], dtype=float) for sample in events_of)
    shown.append(("Particles in an event", "", *number))
    for column, label, unit in ((0, "Particle $p_T$", "GeV"), (1, r"Particle $\eta$", "")):
        shown.append((label, unit, *(np.concatenate([event[:, column] for event in sample]) for sample in events_of)))
    return shown


def draw(shown: list[tuple[str, str, Array, Array]], title: str, file: Path) -> None:
    """Draw each quantity of both samples and their ratio, the simulated events scaled to as many as the real ones."""
    from bumphunt.plots.marks import status_label
    from bumphunt.plots.style import new_figure, style

    with style():
        figure = new_figure(13.6, width=9.6)
        parts = figure.subfigures(4, 2).ravel()
        for part, (label, unit, points, line) in zip(parts, shown, strict=True):
            above, below = part.subplots(2, 1, sharex=True, height_ratios=(2.6, 1))
            _panel(above, below, points, line, logarithmic=label == "Particle $p_T$")
            below.set_xlabel(f"{label} [{unit}]" if unit else label)
            above.set_ylabel("Particles / bin" if label.startswith("Particle ") else "Events / bin")
            above.set_title(title, loc="left", fontsize="medium")
            status_label(above, "Simulation, 13 TeV")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110, metadata={"Software": None})


def _panel(above: Any, below: Any, points: Array, line: Array, *, logarithmic: bool) -> None:
    from bumphunt.plots.marks import draw_counts
    from bumphunt.plots.style import BLACK, BLUE, headroom

    low, high = np.quantile(line, [0.002, 0.998])
    edges = np.geomspace(low, high, 31) if logarithmic else np.linspace(low, high, 31)
    counts, simulated = (np.histogram(values, edges)[0].astype(float) for values in (points, line))
    scale = len(points) / len(line)
    many = [f"{len(values):,}".replace(",", "\u2009") for values in (points, line)]
    above.stairs(simulated * scale, edges, color=BLUE, linewidth=1.6, label=f"This simulation, scaled ({many[1]})")
    draw_counts(above, counts, edges, text=f"LHC Olympics R&D ({many[0]})")
    both = (counts > 0) & (simulated > 0)
    centre = (np.sqrt(edges[1:] * edges[:-1]) if logarithmic else 0.5 * (edges[1:] + edges[:-1]))[both]
    ratio = counts[both] / simulated[both] / scale
    error = ratio * np.sqrt(1.0 / counts[both] + 1.0 / simulated[both])
    inside = np.abs(ratio - 1.0) < REACH
    below.axhline(1.0, color=BLUE, linewidth=1.0)
    below.errorbar(centre[inside], ratio[inside], error[inside], fmt="o", color=BLACK, markersize=3.2, linewidth=0.8)
    for side, mark in ((1.0, "^"), (-1.0, "v")):
        beyond = centre[(ratio - 1.0) * side >= REACH]
        below.plot(beyond, np.full(len(beyond), 1.0 + 0.9 * side * REACH), mark, color=BLACK, markersize=4.5)
    below.set(ylim=(1.0 - REACH, 1.0 + REACH), xlim=(low, high))
    if logarithmic:
        below.set_xscale("log")
    above.set_ylim(bottom=0)
    headroom(above, 0.3)
    handles, names = above.get_legend_handles_labels()
    above.legend(handles[::-1], names[::-1], loc="upper right", fontsize="small")
    below.set_ylabel("R&D / sim.", loc="center")


if __name__ == "__main__":
    main()
