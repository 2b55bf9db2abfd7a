"""Simulated signal over the plane of masses, as it is shipped: ratios of reconstructed to true mass and substructure.

Jets are those of X and of Y, matched by direction (:mod:`bumphunt.simulation.matched`), not the heavier and the
lighter. A jet's ratio to its particle's mass changes slowly from one point of the grid to the next, so that the
events of neighbouring points, rescaled, stand for those of any masses between.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bumphunt.files import write_atomically
from bumphunt.masses.constants import LOWEST_RATIO
from bumphunt.table.names import DAUGHTERS

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Masses = tuple[float, float, float]

SUBSTRUCTURE = ("tau21", "tau32", "massdrop")
MASS_COLUMNS = ("mjj", *DAUGHTERS)
"""Columns of the masses in an event table."""
COLUMNS = (*MASS_COLUMNS, *(f"{name}_{jet}" for name in SUBSTRUCTURE for jet in (1, 2)), "swapped")
"""Columns of a simulated sample, in this order; ``swapped`` is 1 where jet 2 is that of X."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalTable:
    """Samples of one detector, a row each: ``masses`` (samples, 3) of Z', X and Y in GeV.

    ``log_resonance`` (samples, events) is the logarithm of mjj over m_resonance, ``log_jet`` (samples, 2, events) that
    of the mass of the jet of X or Y over its particle's, ``substructure`` (samples, 2, events, n) the jets'
    ``observables``, ``accepted`` (samples,) the part of generated events that pass the trigger, ``core``
    (samples,) the median of ``log_resonance`` where both jets hold their decays.
    """

    masses: FloatArray
    log_resonance: FloatArray
    log_jet: FloatArray
    substructure: FloatArray
    accepted: FloatArray
    core: FloatArray
    observables: tuple[str, ...] = SUBSTRUCTURE

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.masses)

    def at(self, rows: BoolArray) -> "SignalTable":
        """Return the chosen samples."""
        return SignalTable(
            masses=self.masses[rows],
            log_resonance=self.log_resonance[rows],
            log_jet=self.log_jet[rows],
            substructure=self.substructure[rows],
            accepted=self.accepted[rows],
            core=self.core[rows],
            observables=self.observables,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """What a table of these events has: masses and the observables of both jets."""
        return (*MASS_COLUMNS, *(f"{name}_{jet}" for name in self.observables for jet in (1, 2)))

    def nearest(self, masses: Masses) -> Masses:
        """Return the masses (GeV) nearest to the given ones at which a response is built: within a good half again."""
        resonance, daughters = self.masses[:, 0], self.masses[:, 1:]
        m_resonance = float(np.clip(masses[0], 0.55 * resonance.min(), 1.45 * resonance.max()))
        most = 1.13 * float((daughters / resonance[:, None]).max()) * m_resonance
        m_x, m_y = (float(np.clip(mass, 0.55 * daughters.min(), most)) for mass in masses[1:])
        return m_resonance, m_x, m_y


def matched_columns(table: FloatArray, masses: Masses) -> FloatArray:
    """Return log ratios and substructure of the jets of X and Y, shape (events, 9), from :data:`COLUMNS`."""
    swapped = table[:, COLUMNS.index("swapped")] == 1
    jets = [
        np.where(swapped[:, None], table[:, [COLUMNS.index(f"{name}_{b}") for name in SUBSTRUCTURE]], straight)
        for b, straight in (
            (2, table[:, [COLUMNS.index(f"{name}_1") for name in SUBSTRUCTURE]]),
            (1, table[:, [COLUMNS.index(f"{name}_2") for name in SUBSTRUCTURE]]),
        )
    ]
    pair = np.where(swapped[:, None], table[:, [2, 1]], table[:, [1, 2]]) / np.asarray(masses[1:])
    ratios = np.column_stack([table[:, 0] / masses[0], pair])
    return np.column_stack([np.log(np.maximum(ratios, LOWEST_RATIO)), *jets])


def pack_signal(
    path: str | Path, samples: Mapping[tuple[str, Masses], tuple[FloatArray, float]], *, events: int, made_by: str
) -> Path:
    """Write the file that :func:`load_signal` reads.

    Parameters
    ----------
    path : path
        The npz file.
    samples : mapping of (kind, masses) to (array of shape (n, 10), float)
        Kind is ``nominal`` or ``varied``, masses in GeV; events with :data:`COLUMNS`, and the part of generated ones
        that pass the trigger.
    events : int
        Events kept of each sample, the first.
    made_by : str
        The command.
    """
    path = Path(path)
    kinds, masses = [kind for kind, _ in samples], np.array([point for _, point in samples])
    rows = [matched_columns(table[:events], point) for (_, point), (table, _) in samples.items()]
    least = min(len(row) for row in rows)
    content = {
        "masses": masses,
        "varied": np.array([kind == "varied" for kind in kinds]),
        "accepted": np.array([accepted for _, accepted in samples.values()]),
        # half precision: 5e-4 of a ratio near one, a twentieth of the best resolution; far less of its logarithm
        "events": np.stack([row[:least] for row in rows]).astype(np.float16),
        "made_by": np.array(json.dumps(made_by)),
    }
    return write_atomically(path, lambda part: np.savez_compressed(part, allow_pickle=False, **content))


@cache
def load_signal(*, varied: bool = False) -> SignalTable:
    """Return the shipped samples of two prongs, of the nominal detector, or of the varied detector and shower."""
    return joined(*(_shipped(name, varied=varied) for name in ("signal_events", "signal_events_wide")))


@cache
def load_three_prongs() -> SignalTable:
    """Return the shipped samples of daughters that decay to three quarks each."""
    return _shipped("signal_events_three_prongs")


def _shipped(name: str, *, varied: bool = False) -> SignalTable:
    with files("bumphunt.masses").joinpath(f"{name}.npz").open("rb") as file, np.load(file) as stored:
        return table_from(stored, varied=varied)


def joined(one: SignalTable, other: SignalTable) -> SignalTable:
    """Return the samples of both, with as many events of each as the smaller has."""
    number = min(table.log_resonance.shape[1] for table in (one, other))
    return SignalTable(
        masses=np.concatenate([one.masses, other.masses]),
        log_resonance=np.concatenate([table.log_resonance[:, :number] for table in (one, other)]),
        log_jet=np.concatenate([table.log_jet[:, :, :number] for table in (one, other)]),
        substructure=np.concatenate([table.substructure[:, :, :number] for table in (one, other)]),
        accepted=np.concatenate([one.accepted, other.accepted]),
        core=np.concatenate([one.core, other.core]),
        observables=one.observables,
    )


def table_from(stored: Mapping[str, npt.NDArray[np.generic]], *, varied: bool) -> SignalTable:
    """Rebuild the samples of one detector from the arrays of the file."""
    rows = np.asarray(stored["varied"], dtype=bool) == varied
    events = np.asarray(stored["events"][rows], dtype=np.float64)
    log_resonance, log_jet = events[:, :, 0], np.moveaxis(events[:, :, 1:3], 2, 1)
    return SignalTable(
        masses=np.asarray(stored["masses"], dtype=np.float64)[rows],
        log_resonance=log_resonance,
        log_jet=log_jet,
        substructure=np.stack(np.split(events[:, :, 3:], 2, axis=2), axis=1),
        accepted=np.asarray(stored["accepted"], dtype=np.float64)[rows],
        core=_core(log_resonance, log_jet),
        observables=tuple(str(name) for name in stored["observables"]) if "observables" in stored else SUBSTRUCTURE,
    )


def _core(log_resonance: FloatArray, log_jet: FloatArray) -> FloatArray:
    """Return the median of log mjj / m_resonance where both jets are contained, shape (samples,)."""
    contained = np.all(np.abs(log_jet - 0.03) < 0.15, axis=1)
    rows = zip(log_resonance, np.asarray(contained), strict=True)
    # hardly any where both decays are wide; such samples say little about the core, which is near zero everywhere
    return np.array([np.median(row[good]) if good.sum() > 10 else 0.0 for row, good in rows])
