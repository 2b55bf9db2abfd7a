"""Do the intervals cover? Signals of known masses injected into signal-free boxes, the search run on each.

    make injections

Boxes of 100 thousand background events, drawn from the 1.3 million of the shipped samples, with 300 simulated signal
events each, no two boxes the same, at twelve mass points, of which 3600/350/350, 4200/600/200, 4600/400/150 and
3823/732/378 are known to be hard. Light settings: the search without prior, one window of +-6 percent about a mass
within 2 percent of the true one, three folds, two repeats, one tree model of 40 steps: a test of the mass fit, not of
the search. In the set ``nominal`` signal is of the nominal detector and the statistical part of the intervals has to
cover; in ``drawn`` each box has a detector of its own from the prior of the systematic errors (energy scale and shower
simulated anew, resolutions, scale of tau21), and the total intervals have to. In ``weak`` the signal is as weak as
still claimed, 0.45 roots of the background in the window, and both searches run at default settings but for the
windows: the resonance's and its neighbours; boxes claimed with 3 to 5 sigma count. One line a box is added to
analysis/results/injections.jsonl; what is there already for this commit is not repeated, --first says with which box
to begin, and of a box repeated at a later commit the last line counts.
"""

import argparse
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import boxes
import numpy as np
from background_pool import background_pool
from reach import BOTH, near_windows, number_injected

import bumphunt
from bumphunt.calibration.drawn_detector import DrawnDetector, draw_detector
from bumphunt.calibration.experiments import analyse_box
from bumphunt.calibration.pseudo_data import subsample_box, with_signal
from bumphunt.calibration.pulls import pulls_of
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.plots import pulls
from bumphunt.plots.style import style
from bumphunt.results import Interval
from bumphunt.simulation.presets import towards_shifted
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import simulate_sample

POINTS = (
    (3600.0, 350.0, 350.0),
    (4200.0, 600.0, 200.0),
    (3500.0, 500.0, 100.0),
    (4600.0, 400.0, 150.0),
    (3823.0, 732.0, 378.0),
    (4000.0, 300.0, 80.0),
    (4000.0, 800.0, 300.0),
    (5000.0, 700.0, 250.0),
    (3300.0, 250.0, 120.0),
    (4400.0, 200.0, 180.0),
    (3900.0, 550.0, 450.0),
    (5500.0, 500.0, 120.0),
)
"""(m_resonance, m_x, m_y) in GeV, in the order of the boxes."""
QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
SIZE, SIGNAL = 100_000, 300
SETS = ("nominal", "drawn", "weak")
WEAK = 0.45
"""Signal in roots of the background, both in the resonance's window, in the set ``weak``."""
NEAR_THRESHOLD = (3.0, 5.0)
LOWEST_WINDOW = 3060.0
"""GeV; below, the trigger leaves no sideband."""
ENDS = ("low", "stat_low", "value", "stat_high", "high")
SEED = 31


def settings(centre: float) -> bumphunt.AnalysisConfig:
    """Return the light settings with a window about a mass (GeV)."""
    return bumphunt.AnalysisConfig.model_validate(
        {
            "searches": ["cwola"],
            "search": {"low": 2900.0, "high": 7000.0, "windows": [[0.94 * centre, 1.06 * centre]]},
            "cwola": {"repeats": 2, "folds": 3, "members": 1, "max_iter": 40, "learning_rate": 0.1},
            "vae": {"enabled": False},
            "autoencoder": {"enabled": False},
            "limit": {"enabled": False},
        }
    )


def weak_settings(centre: float) -> bumphunt.AnalysisConfig:
    """Return the settings that boxes with weak signal are searched at: those of the study of reach."""
    windows = [window for window in near_windows(centre) if window[0] >= LOWEST_WINDOW]
    return config_from_dict({**BOTH, "search": {**BOTH["search"], "windows": windows}})


def tasks(name: str, numbers: range, *, pool: Path) -> list[dict[str, Any]]:
    """Return the boxes of a set, one point after the other."""
    return [
        {
            "set": name,
            "number": number,
            "masses": POINTS[number % len(POINTS)],
            "detector": number if name == "drawn" else None,
            "_pool": pool,
        }
        for number in numbers
    ]


@lru_cache(maxsize=2)
def blind(path: Path) -> BlindEvents:
    """Return the events of a file without truth."""
    return drop_truth(bumphunt.read_events(path))


def detector_of(task: dict[str, Any]) -> DrawnDetector | None:
    """Return the drawn detector of a box, None for the nominal one."""
    return None if task["detector"] is None else draw_detector(np.random.default_rng([SEED, task["detector"]]))


def signal_of(task: dict[str, Any]) -> BlindEvents:
    """Return the simulated signal of a box, as its detector sees it."""
    detector, masses = detector_of(task), tuple(task["masses"])
    other: dict[str, Any] = {}
    if detector is not None:
        other = dict(zip(("detector", "shower"), towards_shifted(detector.shift), strict=True))
    seed = 100_000 + 10 * task["number"] + SETS.index(task["set"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signal.parquet"
        simulate_sample(path, Sample(signal=SIGNAL, masses=masses, **other), seed=seed)
        events = drop_truth(bumphunt.read_events(path))
    return events if detector is None else BlindEvents(detector.seen(events, masses))


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Make and analyse one box."""
    rng = np.random.default_rng([SEED, task["number"], SETS.index(task["set"])])
    box, signal, injected = subsample_box(blind(task["_pool"]), size=SIZE - SIGNAL, rng=rng), signal_of(task), SIGNAL
    centre = task["masses"][0] * float(np.exp(rng.uniform(-0.02, 0.02)))
    config = settings(round(centre))
    if task["set"] == "weak":
        injected = number_injected(signal, box, mass=task["masses"][0], strength=WEAK)
        config = weak_settings(centre)
    box = with_signal(box, signal, number=injected, rng=rng)
    found = analyse_box(box, config=config, seed=task["number"])
    answers = found.answers
    intervals = {name: getattr(answers, name) for name in QUANTITIES}
    return {
        "injected": injected,
        "window_centre": round(centre),
        "z_global": round(answers.z_global, 2),
        "z_local": round(answers.z_local, 2),
        "status": answers.status,
        "masses_verified": answers.masses_verified,
        "failed": [check.name for check in found.checks if not check.passed],
        **{
            name: None if each is None else [round(float(getattr(each, end)), 2) for end in ENDS]
            for name, each in intervals.items()
        },
        "seconds": round(found.seconds, 1),
    }


def counts(row: dict[str, Any]) -> bool:
    """Return whether a box belongs to those whose intervals have to cover."""
    return row["set"] != "weak" or NEAR_THRESHOLD[0] <= row["z_global"] <= NEAR_THRESHOLD[1]


def pulls_by(rows: list[dict[str, Any]], name: str, *, total: bool) -> np.ndarray:
    """Return the pulls of one quantity in verified boxes, by the total or the statistical intervals."""
    place = QUANTITIES.index(name)
    given = [row for row in rows if row["masses_verified"] and row[name] is not None and counts(row)]
    ends = (0, 2, 4) if total else (1, 2, 3)
    found = [dict(zip(("low", "value", "high"), (row[name][end] for end in ends), strict=True)) for row in given]
    truth = [[*row["masses"], float(row.get("injected", SIGNAL))][place] for row in given]
    return pulls_of([Interval(**one) for one in found], truth) if given else np.array([])


def summary(rows: list[dict[str, Any]]) -> str:
    """Return mean pull, width and coverage of each set, and mean pulls by mass point."""
    lines = []
    for name in dict.fromkeys(row["set"] for row in rows):
        chosen, total = [row for row in rows if row["set"] == name], name != "nominal"
        fitted = [row for row in chosen if row["m_x"] is not None]
        good = sum(bool(row["masses_verified"]) for row in fitted)
        lines.append(f"{name}: {len(chosen)} boxes, {len(fitted)} with masses, {good} of these verified")
        for quantity in QUANTITIES:
            found = pulls_by(chosen, quantity, total=total)
            if len(found) > 1:
                inside = int((np.abs(found) <= 1).sum())
                lines.append(
                    f"  {quantity:12s} mean pull {found.mean():+.2f} +- {found.std() / np.sqrt(len(found)):.2f}, width "
                    f"{found.std(ddof=1):.2f}, covered {inside} of {len(found)}"
                )
        for masses in dict.fromkeys(tuple(row["masses"]) for row in chosen):
            at = [row for row in chosen if tuple(row["masses"]) == masses]
            each = {quantity: pulls_by(at, quantity, total=total) for quantity in QUANTITIES}
            told = ", ".join(f"{quantity} {found.mean():+.2f}" for quantity, found in each.items() if len(found))
            lines.append(f"  {'/'.join(f'{mass:g}' for mass in masses):14s} {len(at)} boxes: {told}")
    return "\n".join(lines)


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw the statistical pulls of the verified boxes of the nominal detector."""
    chosen = [row for row in boxes.latest(found) if row["set"] == "nominal"]
    drawn = {name: pulls_by(chosen, name, total=False) for name in QUANTITIES}
    with style():
        figure, _ = pulls(drawn)
        figure.savefig(path, dpi=130, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["nominal", "drawn"])
    parser.add_argument("--first", type=int, default=0, help="number of the first box of each set")
    parser.add_argument("--boxes", type=int, default=96, help="of each set")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"), help="made if missing")
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "injections.jsonl")
    arguments = parser.parse_args()
    pool = background_pool(arguments.pool, workers=arguments.workers)
    origin = boxes.stamp(settings(4000.0), seed=SEED)
    numbers = range(arguments.first, arguments.first + arguments.boxes)
    todo = [each for name in arguments.sets for each in tasks(name, numbers, pool=pool)]
    boxes.grow(arguments.result, one_box, todo, origin=origin, workers=arguments.workers)
    print(summary(boxes.latest(boxes.read(arguments.result))))


if __name__ == "__main__":
    main()
