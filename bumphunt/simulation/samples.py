"""Samples on disk: blocks of events made side by side, resumed after an interruption, mixed at the end."""

import hashlib
import importlib.metadata
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError, as_line, warn_user, whole_number
from bumphunt.events import FEATURES, LABEL
from bumphunt.execution import Workers
from bumphunt.features.substructure import DEFINITION
from bumphunt.files import check_output_file, make_folder, write_json
from bumphunt.keywords import gathered
from bumphunt.locks import locked
from bumphunt.rng import generator
from bumphunt.simulation.blocks import Block, is_finished, make_block
from bumphunt.simulation.request import Sample
from bumphunt.sources.layouts import SIMULATION
from bumphunt.sources.lhco import CHUNK, SLOTS, RawChunk, write_raw
from bumphunt.sources.tabular import write_table, writer_for

logger = logging.getLogger(__name__)

MANTISSA_BITS = 13
"""Bits kept of each number: a relative precision of 1e-4, and files a third of the size."""
_REQUEST, _LOCK = "request.json", ".lock"


@gathered(sample=Sample, workers=Workers)
def simulate_sample(output: str | Path, sample: Sample | None = None, *, seed: int, workers: int | Workers = 1) -> Path:
    """Simulate a sample of dijet events and write it.

    Parameters
    ----------
    output : path
        The file to write: an event table (parquet, csv or h5 by extension), or with ``raw`` the raw
        HDF5 layout of the LHC Olympics.
    sample : Sample
        What to simulate; one of :data:`bumphunt.simulation.PRESETS`, for example.
    seed : int
        Same seed and sample, same events, for any number of workers.
    workers : int or Workers
        Who simulates.

    Returns
    -------
    pathlib.Path
        ``output``.

    Notes
    -----
    Finished blocks stay in ``<output>.parts/`` until the sample is complete, so that an interrupted
    call continues when repeated.

    Raises
    ------
    InputError
        On counts or masses that cannot be, or a parts folder that belongs to another request.
    MissingExtraError
        If pythia8mc is not installed.
    """
    output, workers, sample = Path(output), Workers.of(workers), sample or Sample()
    sample.check()
    seed = whole_number(seed, "seed", least=0)
    check_output_file(output)
    if not sample.raw:
        writer_for(output)  # a bad name should be refused before the work, not after
    request: dict[str, Any] = {
        "background": sample.background,
        "signal": sample.signal,
        "masses": list(sample.masses) if sample.masses is not None and sample.signal else None,
        "seed": seed,
        "prongs": sample.prongs,
        "widths": list(sample.widths) if sample.widths is not None and sample.signal else None,
        "raw": sample.raw,
        "block": sample.block,
        "detector": asdict(sample.detector),
        "shower": list(sample.shower),
        "versions": _versions(),
    }
    if sample.dijet > 0.0:  # requests of before stay what they were
        request["dijet"] = sample.dijet
    parts = output.with_name(f"{output.name}.parts")
    _make_parts(parts)
    refusal = f"{parts} is in use by another process of bumphunt; wait for it, or choose another --output"
    with locked(parts / _LOCK, refusal=refusal):
        key = _open_parts(parts, request)
        blocks = _blocks(sample, seed, parts, key)
        missing = [b for b in blocks if not is_finished(b)]
        logger.info("%s: %d of %d blocks are there already", output, len(blocks) - len(missing), len(blocks))
        _run(missing, workers)
        order = generator(seed, "order").permutation(sample.background + sample.signal)
        if sample.raw:
            _merge_raw(blocks, order, output, hide_truth=sample.hide_truth)
        else:
            table = _merge(blocks, order)
            said = _public(request) if sample.hide_truth else request
            write_table(
                table.drop(columns=[LABEL]) if sample.hide_truth else table,
                output,
                metadata={**DEFINITION, SIMULATION: json.dumps(said)},
            )
        if sample.hide_truth:
            counts = {"n_signal": sample.signal, "n_background": sample.background}
            write_json(output.with_name(f"{output.stem}_truth.json"), {**request, **counts})
    shutil.rmtree(parts)
    return output


def _blocks(sample: Sample, seed: int, parts: Path, key: str) -> list[Block]:
    """Return the blocks of a sample, signal first."""
    kinds = (("signal", sample.signal, sample.masses), ("background", sample.background, None))
    return [
        Block(
            path=str((parts / f"{kind}_{index:06d}").resolve()),
            kind=kind,
            index=index,
            events=min(sample.block, count - index * sample.block),
            masses=masses,
            seed=seed,
            prongs=sample.prongs,
            widths=sample.widths,
            dijet=sample.dijet if kind == "signal" else 0.0,
            detector=sample.detector,
            shower=tuple(sample.shower),
            raw=sample.raw,
            request=key,
        )
        for kind, count, masses in kinds
        for index in range(-(-count // sample.block))
    ]


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("bumphunt", "pythia8mc", "fastjet"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return versions


def _public(request: dict[str, Any]) -> dict[str, Any]:
    """Leave out of the file's metadata what would give the answer away; the seed could make it again."""
    return {name: request[name] for name in ("versions", "block")}


def _make_parts(parts: Path) -> None:
    """Make the folder of parts; one that is somebody else's, or leads elsewhere, is refused."""
    foreign = parts.is_symlink() or (parts.exists() and not parts.is_dir())
    if not foreign and parts.exists() and not (parts / _REQUEST).exists():
        foreign = any(path.name != _LOCK for path in parts.iterdir())
    if foreign:
        raise InputError(f"{parts} exists and is not a folder of unfinished simulation; move it away")
    make_folder(parts)


def _open_parts(parts: Path, request: dict[str, Any]) -> str:
    """Note the request in the folder of its parts, or check that it is the same; return its key."""
    note, asked = parts / _REQUEST, _comparable(json.loads(json.dumps(request)))
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    try:
        if note.exists():
            if _comparable(json.loads(note.read_bytes())) == asked:
                return key
            raise InputError(
                f"{parts} holds the parts of another request; delete it, or repeat that request to finish it"
            )
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        warn_user(f"{note} is damaged ({as_line(error, length=100)}); it is written again and each part is checked")
    write_json(note, request)
    return key


def _comparable(request: dict[str, Any]) -> dict[str, Any]:
    versions = {name: version for name, version in request.get("versions", {}).items() if name != "bumphunt"}
    return {"widths": None, **request, "versions": versions}


def _run(blocks: list[Block], workers: Workers) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
    with Progress(*columns, disable=not workers.progress, transient=True) as bar:
        task = bar.add_task("simulating", total=sum(block.events for block in blocks))
        for index, generated in workers.map(make_block, blocks):
            logger.debug("block %s: %d accepted of %d", blocks[index].path, blocks[index].events, generated)
            bar.advance(task, blocks[index].events)


def _merge(blocks: list[Block], order: npt.NDArray[np.int64]) -> pd.DataFrame:
    names = ("mjj", *FEATURES, LABEL)
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in names}
    for block in blocks:
        with np.load(block.files[0]) as part:
            for name in names:
                columns[name].append(part[name])
    merged = {name: np.concatenate(values)[order] for name, values in columns.items()}
    return pd.DataFrame(
        {name: values.astype(np.int8) if name == LABEL else round_mantissa(values) for name, values in merged.items()}
    )


def round_mantissa(values: npt.ArrayLike, bits: int = MANTISSA_BITS) -> npt.NDArray[np.float32]:
    """Return single-precision numbers whose mantissa is rounded to ``bits`` bits.

    Examples
    --------
    >>> round_mantissa([3500.123, 0.1], bits=13).tolist()
    [3500.0, 0.0999984741...]
    """
    shift = np.uint32(23 - bits)
    whole = np.asarray(values, dtype=np.float32).view(np.uint32)
    half = np.uint32(1) << (shift - np.uint32(1))
    mask = np.uint32(0xFFFFFFFF) << shift
    return ((whole + half) & mask).view(np.float32)


def _merge_raw(blocks: list[Block], order: npt.NDArray[np.int64], output: Path, *, hide_truth: bool) -> None:
    """Write the particles in their final order; the parts are mapped, not loaded."""
    write_raw(output, _raw_chunks(blocks, order, hide_truth=hide_truth))


def _raw_chunks(blocks: list[Block], order: npt.NDArray[np.int64], *, hide_truth: bool) -> Iterator[RawChunk]:
    counts = [np.load(block.files[1]) for block in blocks]
    starts = [np.concatenate([[0], np.cumsum(count)]) for count in counts]
    first = np.concatenate([[0], np.cumsum([len(count) for count in counts])])
    truncated = 0
    for begin in range(0, len(order), CHUNK):
        chosen = order[begin : begin + CHUNK]
        particles = np.zeros((len(chosen), SLOTS, 3))
        label = np.zeros(len(chosen), dtype=np.int8)
        owner = np.searchsorted(first, chosen, side="right") - 1
        for index in np.unique(owner):
            flat = np.load(blocks[index].files[0], mmap_mode="r")
            for row in np.flatnonzero(owner == index):
                event = chosen[row] - first[index]
                part = np.asarray(flat[starts[index][event] : starts[index][event + 1]])
                if len(part) > SLOTS:
                    part = part[np.argsort(-part[:, 0], kind="stable")[:SLOTS]]
                    truncated += 1
                particles[row, : len(part)] = part
            label[owner == index] = blocks[index].kind == "signal"
        yield RawChunk(particles=particles, label=None if hide_truth else label)
    if truncated:
        logger.warning("%d events had more than %d particles; their softest were left out", truncated, SLOTS)
