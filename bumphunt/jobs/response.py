"""``bumphunt response``: simulated signal of one's own in, the response that masses are read off out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError, warn_user
from bumphunt.events import DAUGHTERS, common_weight
from bumphunt.files import check_output_file, write_atomically
from bumphunt.jobs.ingest import read_events
from bumphunt.masses.leave_one_out import Interpolation
from bumphunt.masses.own_signal import response_content, signal_points
from bumphunt.masses.signal_table import Masses
from bumphunt.pipeline.final_state import content_columns
from bumphunt.preprocessing.duplicates import find_copies
from bumphunt.sources.locations import locate

Signal = str | Path | Sequence[str | Path]


def make_response(
    signal: Signal,
    *,
    output: str | Path,
    varied: Signal | None = None,
    most_events: int = 5_000,
    background: Signal | None = None,
) -> Interpolation:
    """Make a response of simulated signal, for ``masses.response`` of the configuration.

    Parameters
    ----------
    signal : path, pattern, folder, or several of these
        Event tables in any layout of :func:`bumphunt.jobs.ingest.read_events`, in GeV, of six or more points of masses.
        The true masses stand in the columns ``m_resonance``, ``m_x`` and ``m_y``, or in the name of each file, as in
        ``signal_3500_500_100.parquet``. A column ``n_generated`` may hold how many events were generated for the
        point.
    output : path
        The npz file to write.
    varied : path or several, optional
        The same of another detector or shower, at some of the points: half of the difference enters the intervals.
    most_events : int
        Events of a point that are kept.
    background : path or several, optional
        Simulated background of the same detector, selected as the data are: jet masses of background in the data are
        compared with its own. Otherwise they are not compared.

    Returns
    -------
    Interpolation
        How well every point is predicted by the others; it is stored in the file as well.

    Raises
    ------
    InputError
        If there are too few points or events, masses are not known, or units differ.
    """
    path = Path(output)
    if path.suffix != ".npz":
        raise InputError(f"{path}: a response is an npz file; give a name that ends in .npz")
    check_output_file(path)
    nominal = _points(signal)
    others = None if varied is None else _points(varied)
    command = f"bumphunt response: {len(nominal)} points"
    jets = None if background is None else _together(background)
    content, found = response_content(nominal, others, most_events=most_events, made_by=command, background=jets)
    write_atomically(path, lambda part: np.savez_compressed(part, allow_pickle=False, **content))
    return found


def _together(background: Signal) -> pd.DataFrame:
    tables = [_events(str(one))[["mjj", *DAUGHTERS]] for one in locate(background)[0]]
    return pd.concat(tables, ignore_index=True)


def _events(name: str) -> pd.DataFrame:
    """Return the events of a file, each of them once and all of one weight."""
    table = read_events(name)
    common_weight(table, name=name)
    copies = find_copies(table, columns=content_columns(AnalysisConfig(), table))
    for sentence in copies.sentences():
        warn_user(f"{name}: {sentence}")
    return table.loc[copies.keep].reset_index(drop=True)


def _points(signal: Signal) -> dict[Masses, pd.DataFrame]:
    found: dict[Masses, list[pd.DataFrame]] = {}
    for location in locate(signal)[0]:
        name = str(location)
        for point, rows in signal_points(_events(name), name=name).items():
            found.setdefault(point, []).append(rows)
    return {point: pd.concat(parts, ignore_index=True) for point, parts in sorted(found.items())}
