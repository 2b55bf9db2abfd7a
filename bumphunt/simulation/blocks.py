"""A block: a fixed number of accepted events of one kind, made from one seed and kept on disk."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError, as_line, warn_user
from bumphunt.events import LABEL
from bumphunt.features.dijets import Dijets, dijet_table, dijets, joined, momenta
from bumphunt.features.jets import hardest_possible
from bumphunt.files import file_sha256, write_atomically, write_json
from bumphunt.rng import generator, integer_seed
from bumphunt.simulation import pythia
from bumphunt.simulation.detector import DetectorResponse, reconstruct

TRIGGER_PT = 1200.0
"""At least one anti-kT R=1 jet needs more transverse momentum than this, in GeV ..."""
TRIGGER_ETA = 2.5
"""... and less absolute pseudorapidity than this."""
BATCH = 250
"""Events generated at a time."""
_GIVE_UP = 400  # batches without the block being full


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What to make: ``events`` accepted events into ``path`` (its suffix is added) for a ``request`` (its key)."""

    path: str
    kind: str
    index: int
    events: int
    masses: tuple[float, float, float] | None
    seed: int
    prongs: int
    widths: tuple[float, float, float] | None = None
    dijet: float = 0.0
    detector: DetectorResponse
    shower: tuple[str, ...]
    raw: bool
    request: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of a finished block."""
        suffixes = (".particles.npy", ".counts.npy") if self.raw else (".npz",)
        return tuple(Path(self.path + suffix) for suffix in suffixes)

    @property
    def note(self) -> Path:
        """The file that is written last, with the request and the checksums of the others."""
        return Path(f"{self.path}.json")


def is_finished(block: Block) -> bool:
    """Tell whether a block is there and whole; a damaged one, or one of another request, is named in a warning."""
    files = (block.note, *block.files)
    if not block.note.exists() and not block.note.is_symlink():
        return False
    try:
        if any(path.is_symlink() or not path.is_file() for path in files):
            raise ValueError("a file is missing or a link")
        if json.loads(block.note.read_bytes()) != _note(block):
            raise ValueError("other request or checksum")
    except (OSError, ValueError, RecursionError) as error:
        warn_user(f"{block.note} is damaged ({as_line(error, length=100)}); its events are made again")
        return False
    return True


def _note(block: Block) -> dict[str, Any]:
    return {"request": block.request, "sha256": {path.name: file_sha256(path) for path in block.files}}


def make_block(block: Block) -> int:
    """Simulate a block, write its files and return the number of events generated for it."""
    source = pythia.generator(
        masses=block.masses,
        seed=integer_seed(block.seed, "pythia", block.kind, block.index),
        prongs=block.prongs,
        widths=block.widths,
        shower=block.shower,
        dijet=block.dijet,
    )
    rng = generator(block.seed, "detector", block.kind, block.index)
    kept: list[ak.Array] = []
    pairs: list[Dijets] = []
    accepted = generated = 0
    for _ in range(_GIVE_UP):
        batch = _next_batch(block.events - accepted, accepted=accepted, generated=generated)
        seen = reconstruct(pythia.next_particles(source, batch), response=block.detector, rng=rng)
        generated += len(seen)
        fired, leading = trigger(seen)
        if block.raw:
            kept.append(seen[fired])
        else:
            pairs.append(leading)
        accepted += leading.number
        if accepted >= block.events:
            break
    else:
        raise InputError(
            f"only {accepted} of {generated} events pass the trigger with masses {block.masses} GeV; "
            "a Z' mass above 2500 GeV is needed for a useful fraction"
        )
    if block.raw:
        _save_particles(block, ak.concatenate(kept)[: block.events])
    else:
        # the substructure of all accepted events at once: it costs less per event the more there are
        wanted = np.arange(accepted) < block.events
        table = dijet_table(joined(pairs).select(wanted))
        table[LABEL] = np.int8(block.masses is not None)
        _save(block.files[0], {str(name): table[name].to_numpy() for name in table.columns})
    write_json(block.note, _note(block))
    return generated


def _next_batch(missing: int, *, accepted: int, generated: int) -> int:
    """Return how many events to generate next: those that will be enough more often than not, up to a batch."""
    passing = (accepted + 1) / (generated + 2)
    return min(BATCH, int(missing / passing) + 10)


def trigger(particles: ak.Array) -> tuple[npt.NDArray[np.bool_], Dijets]:
    """Return which events pass the trigger, and the leading jets of those, without their substructure."""
    everything = momenta(particles)
    # Most events that fail do so without clustering; one of a single particle has no second jet.
    possible = (hardest_possible(everything) > TRIGGER_PT) & (everything.counts > 1)
    pairs = dijets(everything.select(possible))
    hard = np.asarray(((pairs.pt > TRIGGER_PT) & (np.abs(pairs.eta) < TRIGGER_ETA)).any(axis=1))
    fired = possible.copy()
    fired[possible] = hard
    return fired, pairs.select(hard)


def _save_particles(block: Block, particles: ak.Array) -> None:
    flat = [np.asarray(ak.flatten(particles[name]), dtype=np.float32) for name in ("pt", "eta", "phi")]
    for path, array in zip(block.files, (np.stack(flat, axis=1), np.asarray(ak.num(particles.pt))), strict=True):
        write_atomically(path, partial(np.save, arr=array))


def _save(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    write_atomically(path, lambda part: np.savez(part, allow_pickle=False, **arrays))
