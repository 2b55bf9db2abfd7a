"""Simulate signal over the plane of masses and keep what the mass fit needs of it.

    make response

Writes bumphunt/masses/signal_events.npz. The samples are kept in --samples, so that it can go on after an interruption.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import qmc

from bumphunt.masses.signal_table import COLUMNS, pack_signal
from bumphunt.simulation.matched import simulate_matched
from bumphunt.simulation.presets import PRESETS

RESONANCE = (2700.0, 6200.0)
"""Ends of the grid in m_resonance, GeV; points lie evenly in its logarithm ..."""
DAUGHTER = (45.0, 0.265)
"""... and in the square root of m_x and m_y over m_resonance, from a mass in GeV up to a fraction of m_resonance."""
VARIED_EVERY = 5
"""Every fifth point is simulated with the other detector and shower as well."""


def grid(points: int) -> list[tuple[float, float, float]]:
    """Return evenly spread masses (GeV), m_x the heavier: a Sobol sequence."""
    found = []
    for u, v, w in qmc.Sobol(3, scramble=True, rng=np.random.default_rng(7)).random_base2(
        max(points - 1, 1).bit_length()
    )[:points]:
        m_resonance = RESONANCE[0] * (RESONANCE[1] / RESONANCE[0]) ** u
        low, high = np.sqrt(DAUGHTER[0] / m_resonance), np.sqrt(DAUGHTER[1])
        pair = sorted(((low + (high - low) * part) ** 2 * m_resonance for part in (v, w)), reverse=True)
        found.append((round(float(m_resonance)), round(float(pair[0])), round(float(pair[1]))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=Path("out/response"))
    parser.add_argument("--points", type=int, default=256)
    parser.add_argument("--events", type=int, default=1000, help="simulated at each point")
    parser.add_argument("--shipped", type=int, default=1000, help="of them, packed into the file")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--output", type=Path, default=Path("bumphunt/masses/signal_events.npz"))
    arguments = parser.parse_args()

    arguments.samples.mkdir(parents=True, exist_ok=True)
    points = grid(arguments.points)
    shifted = PRESETS["shifted"]
    samples = {}
    for kind in ("nominal", "varied"):
        options = {} if kind == "nominal" else {"detector": shifted.detector, "shower": shifted.shower}
        for number, masses in enumerate(points):
            if kind == "varied" and number % VARIED_EVERY:
                continue
            file = arguments.samples / f"{kind}_{'_'.join(f'{mass:.0f}' for mass in masses)}.npz"
            if not file.exists():
                # the same seed for both kinds: the same hard events, as far as the shower lets them be
                table, accepted = simulate_matched(
                    masses, events=arguments.events, seed=arguments.seed + number, **options
                )
                np.savez(file, table=table[list(COLUMNS)].to_numpy(np.float32), accepted=accepted)
                print(f"{file.name}: {accepted:.2f} of the generated events pass the trigger", flush=True)
            with np.load(file) as stored:
                samples[kind, masses] = (stored["table"].astype(float), float(stored["accepted"]))
    note = f"make response: {arguments.points} points, {arguments.events} events each, seed {arguments.seed}"
    pack_signal(arguments.output, samples, events=arguments.shipped, made_by=note)
    print(f"wrote {arguments.output}: {len(samples)} samples")


if __name__ == "__main__":
    main()
