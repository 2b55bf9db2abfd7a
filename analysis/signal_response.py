"""Simulate signal over the plane of masses and keep what the mass fit needs of it.

    make response

Writes bumphunt/masses/signal_events*.npz: ``base`` covers two prongs from 2.7 to 6.2 TeV, ``wide`` continues it to
9 TeV and to daughters that hardly fit into a jet, ``three_prongs`` is another decay on a coarser grid. The samples are
kept in --samples, so that it can go on after an interruption.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import qmc

from bumphunt.masses.signal_table import COLUMNS, pack_signal
from bumphunt.simulation.matched import simulate_matched
from bumphunt.simulation.presets import PRESETS
from bumphunt.simulation.request import Sample

VARIED_EVERY = 5
"""Every fifth point is simulated with the other detector and shower as well."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the grid.

    Points lie evenly in the logarithm of m_resonance between the ends of ``resonance`` (GeV), and in the square roots
    of m_x and m_y over m_resonance from ``lightest`` GeV up to ``heaviest`` of m_resonance; ``beyond`` is a part whose
    points are left out.
    """

    resonance: tuple[float, float]
    lightest: float
    heaviest: float
    points: int
    events: int
    file: str
    seed: int
    prongs: int = 2
    beyond: str | None = None


PARTS = {
    "base": Part(resonance=(2700.0, 6200.0), lightest=45.0, heaviest=0.265, points=256, events=1000, file="", seed=7),
    "wide": Part(
        resonance=(2700.0, 9000.0),
        lightest=45.0,
        heaviest=0.35,
        points=52,
        events=1000,
        file="_wide",
        seed=8,
        beyond="base",
    ),
    "three_prongs": Part(
        resonance=(2700.0, 7500.0),
        lightest=60.0,
        heaviest=0.265,
        points=64,
        events=500,
        file="_three_prongs",
        seed=9,
        prongs=3,
    ),
}


def grid(part: Part) -> list[tuple[float, float, float]]:
    """Return evenly spread masses (GeV), m_x the heavier: a Sobol sequence."""
    found: list[tuple[float, float, float]] = []
    (least, most), number = part.resonance, part.points if part.beyond is None else 8 * part.points
    for u, v, w in qmc.Sobol(3, scramble=True, rng=np.random.default_rng(part.seed)).random_base2(
        max(number - 1, 1).bit_length()
    )[:number]:
        m_resonance = least * (most / least) ** u
        low, high = np.sqrt(part.lightest / m_resonance), np.sqrt(part.heaviest)
        pair = sorted(((low + (high - low) * x) ** 2 * m_resonance for x in (v, w)), reverse=True)
        if part.beyond is not None:
            other = PARTS[part.beyond]
            if m_resonance < other.resonance[1] and pair[0] < other.heaviest * m_resonance:
                continue
        found.append((round(float(m_resonance)), round(float(pair[0])), round(float(pair[1]))))
    return found[: part.points]


def made(part: Part, arguments: argparse.Namespace) -> None:
    """Simulate one part of the grid and write its file."""
    points, shifted = grid(part)[: arguments.points], PRESETS["shifted"]
    events = min(part.events, arguments.events or part.events)
    samples = {}
    for kind in ("nominal", "varied"):
        options = {} if kind == "nominal" else {"detector": shifted.detector, "shower": shifted.shower}
        for number, masses in enumerate(points):
            if kind == "varied" and (number % VARIED_EVERY or part.prongs != 2):
                continue
            file = arguments.samples / f"{kind}{part.file}_{'_'.join(f'{mass:.0f}' for mass in masses)}.npz"
            if not file.exists():
                # the same seed for both kinds: the same hard events, as far as the shower lets them be
                sample = Sample(signal=events, masses=masses, prongs=part.prongs, **options)
                table, accepted = simulate_matched(sample, seed=arguments.seed + number)
                np.savez(file, table=table[list(COLUMNS)].to_numpy(np.float32), accepted=accepted)
                print(f"{file.name}: {accepted:.2f} of the generated events pass the trigger", flush=True)
            with np.load(file) as stored:
                samples[kind, masses] = (stored["table"].astype(float), float(stored["accepted"]))
    note = f"make response: {len(points)} points, {events} events each, {part.prongs} prongs, seed {arguments.seed}"
    path = arguments.output / f"signal_events{part.file}.npz"
    pack_signal(path, samples, events=events, made_by=note)
    print(f"wrote {path}: {len(samples)} samples")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=Path("out/response"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--points", type=int, help="the first points of each part only")
    parser.add_argument("--events", type=int, help="fewer events at each point")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--output", type=Path, default=Path("bumphunt/masses"), help="folder of the files")
    arguments = parser.parse_args()
    arguments.samples.mkdir(parents=True, exist_ok=True)
    for name in arguments.parts:
        made(PARTS[name], arguments)


if __name__ == "__main__":
    main()
