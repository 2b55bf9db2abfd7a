"""What the prior-assisted search says without signal: the width of its significance by permutations, where measured.

Permutations of the masses are exact where no feature knows the mass. Whole searches of signal-free simulated boxes,
training included, say how far that holds; whole searches of a file's own pseudo-data take their place on request.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.pipeline.null import Null

FloatArray = npt.NDArray[np.float64]

NULL = "prior_null.json"

TIMES_TESTED = 2.0
"""How many times more or fewer events than the tests had may be searched without a word."""

LEAST_REPEATED = 10
"""Whole searches of a kind of pseudo-data from which a width is measured at all."""

NOT_REPEATED = (
    "the calibration is of the search without simulated signal alone; the prior-assisted one keeps its own: "
    "--calibration N repeats both"
)


@cache
def _measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("bumphunt.pipeline").joinpath(NULL).read_text("utf-8"))
    return found


def prior_null(n_searched: int) -> Null:
    """Return what whole signal-free searches say of so many searched events (``analysis/joint_nulls.py``).

    Of the numbers of events that were tested the nearest counts.
    """
    stored = _measured()
    near = min(stored["sizes"], key=lambda size: abs(np.log(size["n_searched"] / n_searched)))
    return Null(method=stored["method"], mean=near["mean"], width=near["width"], n_searches=near["n_searches"])


def not_tested(n_searched: int) -> tuple[str, ...]:
    """Say that so many searched events are more or fewer than in the tests, if they are."""
    sizes = [size["n_searched"] for size in _measured()["sizes"]]
    if min(sizes) / TIMES_TESTED <= n_searched <= max(sizes) * TIMES_TESTED:
        return ()
    return (
        f"the prior-assisted search was tested without signal where {min(sizes):.0f} to {max(sizes):.0f} events are "
        f"searched, and here {n_searched} are: its significance rests on permutations of the masses alone",
    )


def calibrated(z_permuted: float, null: Null) -> float:
    """Return a global significance by permutations with mean and width of signal-free searches taken off.

    They count only where that leaves less of it: the mean as far as it is above 0, the width above 1.

    Examples
    --------
    >>> null = Null(method="by hand", mean=0.2, width=1.25)
    >>> calibrated(4.0, null), calibrated(4.0, null.beside(Null(method="wider", width=2.0)))
    (3.04, 2.0)
    """
    return min(z_permuted, *(_left(z_permuted, each) for each in (null, *null.others)))


def with_decisive_first(null: Null, z_permuted: float) -> Null:
    """Return the same null, the kind of pseudo-data that leaves least of this significance before the others."""
    first, *others = sorted(
        (replace(each, others=()) for each in (null, *null.others)), key=lambda each: _left(z_permuted, each)
    )
    return first.beside(*others)


def excess_left(null: Null) -> tuple[str, ...]:
    """Say that the first kind of pseudo-data has an excess that the others have not, beyond twice its error."""
    error = null.width / max(null.n_searches, 1) ** 0.5
    if not null.others or null.mean - max(0.0, *(each.mean for each in null.others)) < 2.0 * error:
        return ()
    return (
        f"pseudo-data of these events still have {null.mean:.1f} standard deviations for the prior-assisted search on "
        "average, which are taken off: features follow the mass, or some of a resonance is left, and then its "
        "significance is too careful",
    )


def _left(z_permuted: float, null: Null) -> float:
    return (z_permuted - max(null.mean, 0.0)) / max(null.width, 1.0)


def null_of_searches(found: Mapping[str, FloatArray]) -> Null | None:
    """Return the null of repeated searches, None where they are too few of a kind.

    Parameters
    ----------
    found : mapping of arrays of shape (searches,)
        Global significances by permutations, for each kind of pseudo-data; NaN where there was no search. Of several
        kinds that counts which leaves less.
    """
    kinds = {kind: z[np.isfinite(z)] for kind, z in found.items()}
    fewest = min((len(z) for z in kinds.values()), default=0)
    if fewest < LEAST_REPEATED:
        return None
    nulls = [
        Null(
            method=f"permutations of the masses; {len(z)} whole searches of this kind of file ({kind})",
            mean=float(z.mean()),
            width=float(z.std(ddof=1)),
            n_searches=fewest,
        )
        for kind, z in kinds.items()
    ]
    return nulls[0].beside(*nulls[1:])
