"""The two HDF5 layouts of the LHC Olympics (arXiv:2101.08320): published features, and raw particles.

Raw events are 700 massless particles (pT, eta, phi), zero padded and unsorted, and a label in files
that have one.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import LABEL
from bumphunt.files import stream_for_hdf5, write_atomically
from bumphunt.sources.hdf5 import RAW_COLUMNS, Frame, find_frame, frame_in, open_hdf5
from bumphunt.sources.layouts import Location, Reading

logger = logging.getLogger(__name__)

SLOTS = 700
"""Particles per event in the raw layout."""
CHUNK = 2000
"""Events read at a time: 34 MB."""
_FEATURES = {f"{name}j{jet}" for name in ("px", "py", "pz", "m") for jet in (1, 2)}
_OFFSET = 1e-5  # as in bumphunt.features.substructure, on the published tau values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawChunk:
    """Consecutive raw events: ``particles`` (events, 700, 3) of pT in GeV, eta, phi; ``label`` or None."""

    particles: npt.NDArray[np.float64]
    label: npt.NDArray[np.int8] | None


def count_raw(path: str | Path) -> int:
    """Return the number of events in a raw file."""
    with open_hdf5(path) as file:
        return _raw_frame(file, path).rows


def iter_raw(path: str | Path, *, chunk: int = CHUNK, first: int = 0, last: int | None = None) -> Iterator[RawChunk]:
    """Read a raw file a chunk of events at a time, so that memory does not grow with the file.

    Parameters
    ----------
    path : path
        A file in the raw layout, in pandas' ``fixed`` or ``table`` format.
    chunk : int
        Events per chunk.
    first, last : int
        Read the events from ``first`` up to, not with, ``last``; all by default.

    Raises
    ------
    InputError
        If the file is damaged, has another layout, or holds values that no particle can have.
    """
    if chunk < 1:
        raise InputError(f"chunk is {chunk}; give at least 1 event")
    with open_hdf5(path) as file:
        frame = _raw_frame(file, path)
        end = frame.rows if last is None else min(last, frame.rows)
        for start in range(first, end, chunk):
            values = frame.read(start, min(start + chunk, end))
            particles = values[:, : 3 * SLOTS].reshape(-1, SLOTS, 3)
            label = _labels(values[:, -1]) if values.shape[1] == RAW_COLUMNS[1] else None
            _check_particles(particles, start, path)
            yield RawChunk(particles=particles, label=label)


def _raw_frame(file: h5py.File, path: str | Path) -> Frame:
    frame = find_frame(file, path)
    if len(frame.columns) not in RAW_COLUMNS:
        raise InputError(f"{path}: {len(frame.columns)} columns, but raw events have 2100 or 2101; it is no raw file")
    if frame.rows == 0:
        raise InputError(f"{path}: no events in the file; make or download it again")
    return frame


def _labels(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Return truth as whole numbers, -1 for what is none; only a study looks at it, and refuses all but 0 and 1."""
    with np.errstate(invalid="ignore"):
        whole = (values == np.round(values)) & (np.abs(values) < 128)
    return np.where(whole, values, -1).astype(np.int8)


def _check_particles(particles: npt.NDArray[np.float64], start: int, path: str | Path) -> None:
    with np.errstate(invalid="ignore"):
        pt, eta = particles[..., 0], particles[..., 1]
        good = np.isfinite(particles).all(axis=2) & (pt >= 0) & (pt < 1e5) & (np.abs(eta) < 20)
    if not good.all():
        event, slot = (int(index) for index in np.argwhere(~good)[0])
        values = ", ".join(f"{value:.4g}" for value in particles[event, slot])
        raise InputError(
            f"{path}: particle {slot} of event {start + event} has (pT, eta, phi) = ({values}), which no particle "
            "can have; remove or repair the event"
        )


def matches(location: Location) -> bool:
    """Return whether the file is a frame with the published jet features."""
    with frame_in(location) as frame:
        return frame is not None and set(frame.columns) >= _FEATURES


def read(location: Location) -> Reading:
    """Return the event table of published jet features."""
    return Reading(table=read_features(location.path, location.member))


def read_features(path: str | Path, member: str | None = None) -> pd.DataFrame:
    """Return the event table of a file in the features layout.

    ``mjj`` follows from the two jets' momenta and masses, the tau ratios from the published tau_N with
    the offset 1e-5; a mass drop is not published. Jets are ordered by mass, by pT in the file.
    """
    with open_hdf5(path) as file:
        frame = find_frame(file, Location(path=Path(path), member=member))
        values = pd.DataFrame(frame.read(0, frame.rows), columns=list(frame.columns))
    if len(values) == 0:
        raise InputError(f"{path}: no events in the file; make or download it again")
    jets = [{name: values[f"{name}j{i}"].to_numpy() for name in ("px", "py", "pz", "m")} for i in (1, 2)]
    energy = sum(np.sqrt(sum(jet[name] ** 2 for name in jet)) for jet in jets)
    momentum2 = sum((jets[0][name] + jets[1][name]) ** 2 for name in ("px", "py", "pz"))
    table = {"mjj": np.sqrt(np.maximum(energy**2 - momentum2, 0.0))}
    heavier = np.where(jets[0]["m"] >= jets[1]["m"], 1, 2)
    for slot, jet in ((1, heavier), (2, 3 - heavier)):
        table[f"mj{slot}"] = np.where(jet == 1, jets[0]["m"], jets[1]["m"])
    for ratio, (upper, lower) in {"tau21": ("tau2", "tau1"), "tau32": ("tau3", "tau2")}.items():
        if {f"{tau}j{i}" for tau in (upper, lower) for i in (1, 2)} <= set(values.columns):
            both = [(values[f"{upper}j{i}"] / (values[f"{lower}j{i}"] + _OFFSET)).to_numpy() for i in (1, 2)]
            for slot, jet in ((1, heavier), (2, 3 - heavier)):
                table[f"{ratio}_{slot}"] = np.where(jet == 1, *both)
    if LABEL in values.columns:
        table[LABEL] = _labels(values[LABEL].to_numpy())
    return pd.DataFrame(table)


def write_raw(output: str | Path, chunks: Iterable[RawChunk]) -> Path:
    """Write raw events, in the layout of the official files, a chunk at a time.

    Parameters
    ----------
    output : path
        The HDF5 file; pandas reads it with ``read_hdf``, and compression is blosc.
    chunks : iterable of RawChunk
        The events; either all chunks have labels or none has.
    """

    def write(part: Path) -> None:
        with stream_for_hdf5(part) as stream, h5py.File(stream, "w") as file:
            _write_frame(file, chunks)

    return write_atomically(output, write)


def _write_frame(file: h5py.File, chunks: Iterable[RawChunk]) -> None:
    file.attrs.update(_attributes("GROUP", version="1.0", PYTABLES_FORMAT_VERSION="2.1"))
    group = file.create_group("df")
    dataset: h5py.Dataset | None = None
    rows = 0
    for chunk in chunks:
        particles = chunk.particles.reshape(len(chunk.particles), -1)
        values = particles if chunk.label is None else np.column_stack([particles, chunk.label])
        if dataset is None:
            dataset = group.create_dataset(
                "block0_values",
                shape=(0, values.shape[1]),
                maxshape=(None, values.shape[1]),
                chunks=(16, values.shape[1]),
                dtype="f8",
                **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE),
            )
        if values.shape[1] != dataset.shape[1] or values.shape[1] not in RAW_COLUMNS:
            raise InputError("raw events must all be 700 particles, all with or all without label")
        dataset.resize(rows + len(values), axis=0)
        dataset[rows:] = values
        rows += len(values)
    if dataset is None:
        raise InputError("no raw events to write; give at least one chunk")
    dataset.attrs.update(_attributes("CARRAY", version="1.1", transposed=np.uint8(1)))
    for name, length in (("axis0", dataset.shape[1]), ("axis1", rows), ("block0_items", dataset.shape[1])):
        axis = group.create_dataset(name, data=np.arange(length, dtype=np.int64))
        axis.attrs.update(_attributes("CARRAY", version="1.1", transposed=np.uint8(1), kind="integer", name="N."))
    varieties = {f"{name}_variety": "regular" for name in ("axis0", "axis1", "block0_items")}
    text = {"encoding": "UTF-8", "errors": "strict", "pandas_type": "frame", "pandas_version": "0.15.2", **varieties}
    group.attrs.update(_attributes("GROUP", version="1.0", nblocks=np.int64(1), ndim=np.int64(2), **text))


def _attributes(node: str, *, version: str, **others: object) -> dict[str, object]:
    """Return the attributes by which PyTables knows a node; its texts have a fixed length."""
    text = {"CLASS": node, "TITLE": "", "VERSION": version, **others}
    return {
        name: (np.array(value, dtype=h5py.string_dtype("utf-8", max(len(value), 1))))
        if isinstance(value, str)
        else value
        for name, value in text.items()
    }
