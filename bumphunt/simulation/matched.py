"""Signal whose jets are told apart: which of the two leading jets came from X and which from Y.

The event table orders jets by mass. A response of the detector to one particle needs to know whose jet it is,
also where X lost part of its decay and its jet is the lighter one.
"""

from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.features.dijets import Dijets, dijet_table, joined
from bumphunt.features.jets import mass, total
from bumphunt.rng import generator, integer_seed
from bumphunt.simulation import pythia
from bumphunt.simulation.blocks import trigger
from bumphunt.simulation.detector import reconstruct
from bumphunt.simulation.request import Sample

FloatArray = npt.NDArray[np.float64]

_X_CODES = (24, 9900101)
_BATCHES = 400


class _Recorder:
    """A Pythia that remembers the direction in which X of each event of the last batch flew, shape (events, 3)."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.direction: FloatArray = np.zeros((0, 3))

    def nextBatch(self, number: int) -> Any:  # noqa: N802 -- the name that Pythia gives it
        batch = self._source.nextBatch(number)
        particles = batch.prt
        is_x = np.isin(np.abs(np.asarray(ak.flatten(particles.id))), _X_CODES)
        chosen = particles[ak.unflatten(is_x, ak.num(particles))][:, -1]
        self.direction = np.stack([np.asarray(chosen.p[name], dtype=np.float64) for name in ("px", "py", "pz")], axis=1)
        return batch


def simulate_matched(sample: Sample, *, seed: int, batch: int = 250) -> tuple[pd.DataFrame, float]:
    """Simulate signal after the trigger with the jet of X first.

    Parameters
    ----------
    sample : Sample
        Its signal: events after the trigger, masses, detector, shower and prongs.
    seed : int
        Non-negative.
    batch : int
        Events generated at a time.

    Returns
    -------
    pandas.DataFrame
        The columns of the event table with a further one, ``swapped``: 1 where the heavier jet is that nearer to Y's
        direction of flight.
    float
        Part of the generated events that pass the trigger.
    """
    sample.check()
    source = _Recorder(
        pythia.generator(
            masses=sample.masses,
            seed=integer_seed(seed, "pythia"),
            prongs=sample.prongs,
            widths=sample.widths,
            shower=sample.shower,
            dijet=sample.dijet,
        )
    )
    rng = generator(seed, "detector")
    pairs: list[Dijets] = []
    directions: list[FloatArray] = []
    accepted = generated = 0
    for _ in range(_BATCHES):
        particles = pythia.next_particles(source, batch)
        seen = reconstruct(particles, response=sample.detector, rng=rng)
        fired, leading = trigger(seen)
        generated += len(seen)
        accepted += leading.number
        pairs.append(leading)
        directions.append(source.direction[fired])
        if accepted >= sample.signal:
            break
    both = joined(pairs)
    wanted = np.arange(both.number) < sample.signal
    both, direction = both.select(wanted), np.concatenate(directions)[wanted]
    table = dijet_table(both)
    table["swapped"] = _swapped(both, direction).astype(np.int8)
    return table, accepted / generated


def _swapped(pairs: Dijets, direction: FloatArray) -> npt.NDArray[np.bool_]:
    """Return where the heavier jet flies less along X than the lighter one."""
    momentum = total(pairs.leading.constituents)
    along = np.full((pairs.number, 2), -np.inf)
    heaviness = np.zeros((pairs.number, 2))
    px, py, pz, _ = momentum
    size = np.sqrt(px**2 + py**2 + pz**2)
    axis = direction[pairs.leading.event]
    place = pairs.leading.event, pairs.leading.slot
    along[place] = (px * axis[:, 0] + py * axis[:, 1] + pz * axis[:, 2]) / np.maximum(size, 1e-9)
    heaviness[place] = mass(momentum)
    heavier = heaviness.argmax(axis=1)
    return np.asarray(along.argmax(axis=1) != heavier, dtype=np.bool_)
