"""A response from simulated signal of one's own: event tables of known masses in, the arrays of a response out."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.masses.background_jets import background_jets
from bumphunt.masses.constants import LOWEST_RATIO
from bumphunt.masses.leave_one_out import Interpolation, leave_one_out
from bumphunt.masses.signal_table import MASS_COLUMNS, SUBSTRUCTURE, Masses, table_from
from bumphunt.sources.response_files import FORMAT

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

TRUE_MASSES = ("m_resonance", "m_x", "m_y")
"""Columns of the true masses in GeV, where they are not in the name of the file."""
GENERATED = "n_generated"
"""Optional column: events that were generated for the point, before any trigger."""
FEWEST_POINTS = 6
"""Points of masses, at least: a response is read off about as many neighbours."""
FEWEST_EVENTS = 200
"""Events of a point, at least."""
MOST_POINTS = 5_000
"""Distinct masses in one file beyond which they are those of events, not of points."""
UNIT_FACTOR = 2.0
"""Factor between the median mjj and m_resonance beyond which one of them is in another unit."""
MATCHED = 0.25
"""Distance in log mass beyond which it does not matter how far a jet lies from a particle."""

_NUMBER = r"(\d+(?:\.\d+)?)"
_THREE = re.compile(rf"(?<![\d.]){_NUMBER}[_-][A-Za-z_-]*{_NUMBER}[_-][A-Za-z_-]*{_NUMBER}(?![\d])")


def masses_in_name(name: str) -> Masses | None:
    """Return the three masses that a file's name holds, as in ``signal_3500_500_100.parquet``; None if it does not.

    Examples
    --------
    >>> masses_in_name("signal_3500_500_100.parquet")
    (3500.0, 500.0, 100.0)
    >>> masses_in_name("run2_mZ4000_mX800_mY300_v1.h5")
    (4000.0, 800.0, 300.0)
    >>> masses_in_name("signal.parquet") is None
    True
    """
    stem = PurePath(name).name.rsplit(".", 1)[0]
    found = [masses for part in _THREE.finditer(stem) if _possible(masses := _three(part))]
    if not found:  # numbers such as a year before the masses: try the last three
        numbers = [float(number) for number in re.findall(_NUMBER, stem)]
        last = [(numbers[k], numbers[k + 1], numbers[k + 2]) for k in range(len(numbers) - 2)]
        found = [masses for masses in last if _possible(masses)]
    # a version behind the masses makes triples of its own; the resonance is the heaviest that is meant
    return max(found) if found else None


def _three(part: "re.Match[str]") -> Masses:
    first, second, third = (float(number) for number in part.groups())
    return first, second, third


def _floats(point: Any) -> Masses:
    first, second, third = (float(mass) for mass in point)
    return first, second, third


def _possible(masses: Masses) -> bool:
    return masses[0] > masses[1] + masses[2] and min(masses) > 0


def signal_points(table: pd.DataFrame, *, name: str) -> dict[Masses, pd.DataFrame]:
    """Return the events of each point of masses in a table of simulated signal.

    Parameters
    ----------
    table : pandas.DataFrame
        A checked event table, with the true masses in the columns of :data:`TRUE_MASSES` (GeV) or in ``name``.
    name : str
        Path of the file.

    Raises
    ------
    InputError
        If no masses are known, they cannot be, there is background among the events, or units differ.
    """
    # labels of words or without a value say nothing of what the events are
    if "label" in table.columns and (pd.to_numeric(table["label"], errors="coerce") == 0).any():
        raise InputError(f"{name}: has background (label 0) among its events; give files of simulated signal alone")
    given = [column for column in TRUE_MASSES if column in table.columns]
    if len(given) == len(TRUE_MASSES):
        groups = table.groupby(list(TRUE_MASSES), sort=True)
        if groups.ngroups > MOST_POINTS or groups.ngroups > len(table) / 10:
            raise InputError(
                f"{name}: {groups.ngroups} different true masses in {len(table)} events; give nominal masses of the "
                "simulated points, not those of each event"
            )
        pairs = [(_floats(point), rows) for point, rows in groups]
    else:
        masses = masses_in_name(name)
        if masses is None:
            missing = next(column for column in TRUE_MASSES if column not in table.columns)
            raise InputError(
                f"{name}: no true masses: it has no column {missing!r}, and its name no three numbers; add columns "
                f"{', '.join(TRUE_MASSES)} in GeV, or name it like signal_3500_500_100.parquet"
            )
        pairs = [(masses, table)]
    found: dict[Masses, pd.DataFrame] = {}
    for point, rows in pairs:
        if not all(np.isfinite(point)) or not _possible(point):
            raise InputError(
                f"{name}: true masses {point[0]:g} -> {point[1]:g} + {point[2]:g} cannot be; give m_resonance, m_x and "
                "m_y in GeV"
            )
        factor = float(np.median(rows["mjj"])) / point[0]
        if not 1 / UNIT_FACTOR < factor < UNIT_FACTOR:
            raise InputError(
                f"{name}: median mjj is {factor:.3g} times the true m_resonance of {point[0]:g}; give both in GeV"
            )
        heavier, lighter = max(point[1:]), min(point[1:])
        found[point[0], heavier, lighter] = rows
    return found


def jets_exchanged(mj1: FloatArray, mj2: FloatArray, masses: Masses) -> BoolArray:
    """Return where the jet of X is the lighter one: the pairing that brings more of the jets near to a particle.

    Examples
    --------
    Two contained jets, and a jet of X that has lost most of its decay:

    >>> import numpy as np
    >>> jets_exchanged(np.array([510.0, 105.0]), np.array([103.0, 70.0]), (3500.0, 500.0, 100.0)).tolist()
    [False, True]
    """

    def distance(first: float, second: float) -> FloatArray:
        apart = [np.log(np.maximum(jet, 1e-3) / mass) for jet, mass in ((mj1, first), (mj2, second))]
        return np.asarray(sum(np.minimum(one**2, MATCHED**2) for one in apart), dtype=np.float64)

    return np.asarray(distance(masses[2], masses[1]) < distance(masses[1], masses[2]), dtype=np.bool_)


def response_content(
    nominal: Mapping[Masses, pd.DataFrame],
    varied: Mapping[Masses, pd.DataFrame] | None = None,
    *,
    most_events: int = 5_000,
    made_by: str = "",
    background: pd.DataFrame | None = None,
) -> tuple[dict[str, npt.NDArray[Any]], Interpolation]:
    """Return the arrays of a response file, and how well its points predict one another.

    Parameters
    ----------
    nominal : mapping of (m_resonance, m_x, m_y) to pandas.DataFrame
        Events of each point, in GeV.
    varied : mapping, optional
        The same of another detector, for points that are among the nominal ones.
    most_events : int
        Events of a point that are kept.
    made_by : str
        The command.
    background : pandas.DataFrame, optional
        Simulated background of the same detector, as it is selected: its jet masses are what those of data are compared
        with.

    Raises
    ------
    InputError
        If there are too few points or events, or the tables have different observables.
    """
    if len(nominal) < FEWEST_POINTS:
        raise InputError(
            f"{len(nominal)} points of (m_resonance, m_x, m_y) are too few for a response; give at least "
            f"{FEWEST_POINTS} around the masses that are searched"
        )
    samples = [("nominal", point, rows) for point, rows in nominal.items()]
    for point, rows in (varied or {}).items():
        if point not in nominal:
            raise InputError(
                f"varied signal of {point[0]:g}, {point[1]:g}, {point[2]:g} GeV has no nominal counterpart; give the "
                "same masses for both"
            )
        samples.append(("varied", point, rows))
    observables = _observables([rows for _, _, rows in samples])
    number = min(most_events, *(len(rows) for _, _, rows in samples))
    if number < FEWEST_EVENTS:
        point = next(point for _, point, rows in samples if len(rows) == number)
        raise InputError(
            f"{number} events of {point[0]:g}, {point[1]:g}, {point[2]:g} GeV are too few; give at least "
            f"{FEWEST_EVENTS} for each point"
        )
    content: dict[str, npt.NDArray[Any]] = {
        "format": np.array(FORMAT),
        "masses": np.array([point for _, point, _ in samples]),
        "varied": np.array([kind == "varied" for kind, _, _ in samples]),
        "accepted": np.array([_accepted(rows) for _, _, rows in samples]),
        "observables": np.array(observables, dtype=np.str_),
        "events": np.stack([_columns(rows.iloc[:number], point, observables) for _, point, rows in samples]),
        "made_by": np.array(json.dumps(made_by)),
    }
    if background is not None:
        content["background_jets"] = _jets_of(background)
    found = leave_one_out(table_from(content, varied=False))
    content["leave_one_out"] = np.array(json.dumps(found.to_dict()))
    return content, found


def _jets_of(background: pd.DataFrame) -> FloatArray:
    """Return the jet masses of background as eight numbers, between its lowest and highest percent of mjj."""
    mjj, mj1, mj2 = (background[name].to_numpy(dtype=np.float64) for name in MASS_COLUMNS)
    low, high = np.quantile(mjj, [0.01, 0.99]).tolist() if len(mjj) else (0.0, 0.0)
    jets = background_jets(mjj, mj1, mj2, ends=(low, high))
    return np.array([*jets.heavier, *jets.lighter, *jets.ends])


def _observables(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Return the substructure that every table has for both jets."""
    return [name for name in SUBSTRUCTURE if all({f"{name}_1", f"{name}_2"} <= set(table.columns) for table in tables)]


def _accepted(rows: pd.DataFrame) -> float:
    """Return the part of generated events that are there, one where the number of those is not known."""
    if GENERATED not in rows.columns:
        return 1.0
    generated = float(pd.to_numeric(rows[GENERATED], errors="coerce").median())
    if not generated >= len(rows):
        raise InputError(f"column {GENERATED!r} says {generated:g}, but there are {len(rows)} events of that point")
    return len(rows) / generated


def _columns(rows: pd.DataFrame, masses: Masses, observables: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return log ratios and substructure of the jets of X and Y, shape (events, 3 + 2 observables)."""
    mjj, mj1, mj2 = (rows[name].to_numpy(dtype=np.float64) for name in MASS_COLUMNS)
    exchanged = jets_exchanged(mj1, mj2, masses)
    pair = np.where(exchanged, np.stack([mj2, mj1]), np.stack([mj1, mj2]))
    ratios = np.stack([mjj / masses[0], pair[0] / masses[1], pair[1] / masses[2]], axis=1)
    jets = [
        np.stack([rows[f"{name}_{jet}"].to_numpy(dtype=np.float64) for name in observables], axis=1)
        if observables
        else np.zeros((len(rows), 0))
        for jet in (1, 2)
    ]
    of_x, of_y = (np.where(exchanged[:, None], jets[1 - slot], jets[slot]) for slot in (0, 1))
    return np.column_stack([np.log(np.maximum(ratios, LOWEST_RATIO)), of_x, of_y]).astype(np.float32)
