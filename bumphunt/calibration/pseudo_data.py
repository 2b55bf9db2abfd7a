"""Pseudo-data for calibration: boxes of events drawn from a pool that is known, or made, to hold no resonance."""

import logging

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import BlindEvents
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

LARGEST_OVERLAP = 0.1
"""Part of their events that two boxes drawn from one pool may share on average."""

NEIGHBOUR_SPREAD = 0.1
"""Spread in log mjj over which :func:`smooth_box` exchanges features: wider than any window."""


def subsample_box(pool: BlindEvents, *, size: int, rng: np.random.Generator) -> BlindEvents:
    """Return a random part of a signal-free pool, without replacement.

    Two boxes share the part ``size / len(pool)`` of their events on average.

    Parameters
    ----------
    pool : BlindEvents
        Background events.
    size : int
        Events in the box.
    rng : numpy.random.Generator
        Draws them.

    Raises
    ------
    InputError
        If the pool is smaller than the box.
    """
    check_size(size, len(pool))
    if size > LARGEST_OVERLAP * len(pool) and size < len(pool):
        logger.warning("boxes of %d events from a pool of %d share %.0f %%", size, len(pool), 100 * size / len(pool))
    chosen = rng.choice(len(pool), size=size, replace=False)
    return BlindEvents(pool.iloc[chosen].reset_index(drop=True))


def check_size(size: int, n_pool: int, *, source: str = "subsample") -> None:
    """Raise :class:`InputError` if a pool is smaller than a box that is to be drawn from it."""
    if size > n_pool and source != "subsample":
        raise InputError(
            f"a box of {size} events cannot be drawn from the {n_pool} that the pool holds in the searched range, "
            f"which is what --size counts with --source {source}; give more events or --size {n_pool}"
        )
    if size > n_pool:
        raise InputError(
            f"a box of {size} events cannot be drawn from a pool of {n_pool}; give more events or a smaller --size"
        )


def smooth_box(
    pool: BlindEvents,
    edges: FloatArray,
    *,
    rng: np.random.Generator,
    family: str = "auto",
    size: int | None = None,
    spread: float | None = NEIGHBOUR_SPREAD,
    sqrt_s: float | None,
    column: str = "mjj",
) -> BlindEvents:
    """Return pseudo-data without a resonance made from a pool that may hold one, such as the data themselves.

    The masses in the range of ``edges`` are drawn from the smooth fit of the pool; each takes the features of an
    event whose mjj lies nearby, by ``spread`` in log mjj. A resonance is washed out over many windows, while
    features keep following mjj as they do in the pool. No event of the pool is used twice in a box.

    Parameters
    ----------
    pool : BlindEvents
        Events; only those inside the range are used.
    edges : array of shape (bins + 1,)
        Bin edges of the searched range in GeV.
    rng : numpy.random.Generator
        Draws the box.
    family : str
        Background family of the fit.
    size : int, optional
        Mean number of events in the range; as many as the pool has there otherwise.
    spread : float or None
        Standard deviation in log mjj over which features are exchanged; None permutes them over the whole range. That
        null is exact only where all features together are independent of mjj, and washes out everything else.
    sqrt_s : float or None
        Collision energy in GeV.
    column : str
        Name of the resonance's mass.

    Raises
    ------
    InputError
        If the pool holds too few events in the range.
    """
    mjj = pool[column].to_numpy(dtype=np.float64)
    inside = np.flatnonzero((mjj >= edges[0]) & (mjj < edges[-1]))
    fit = fit_spectrum(Spectrum.from_events(mjj[inside], edges, sqrt_s=sqrt_s), family=family)
    scale = 1.0 if size is None else size / max(len(inside), 1)
    per_bin = rng.poisson(fit.expected * scale)
    number = int(per_bin.sum())
    if size is not None:
        check_size(size, len(inside), source="smooth" if spread is not None else "permuted")
    if number > len(inside):
        # a full-size box fluctuates above its pool half the time; the few in excess are left out
        per_bin = _thinned(per_bin, len(inside), rng)
        number = len(inside)
    if number == 0:
        raise InputError("the pool has no events in the searched range; give more events")
    drawn = np.concatenate(
        [low * (high / low) ** rng.random(n) for n, low, high in zip(per_bin, edges[:-1], edges[1:], strict=True)]
    )
    donors = rng.choice(inside, size=number, replace=False)
    # pairing by rank keeps the donors' features where they belong in mjj, up to the spread
    place = rng.random(number) if spread is None else np.log(mjj[donors]) + spread * rng.standard_normal(number)
    features = pool.iloc[donors[np.argsort(place, kind="stable")]].reset_index(drop=True)
    table: pd.DataFrame = features.assign(**{column: np.sort(drawn)})
    return BlindEvents(table.sample(frac=1.0, random_state=rng).reset_index(drop=True))


def _thinned(per_bin: npt.NDArray[np.int64], number: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.asarray(rng.multivariate_hypergeometric(per_bin, number), dtype=np.int64)


def with_signal(background: BlindEvents, signal: BlindEvents, *, number: int, rng: np.random.Generator) -> BlindEvents:
    """Return a box with ``number`` of the signal events mixed in, drawn without replacement, in random order.

    Parameters
    ----------
    background, signal : BlindEvents
        Events to mix; signal needs the columns of the background.
    number : int
        Signal events to take.
    rng : numpy.random.Generator
        Draws and mixes.

    Raises
    ------
    InputError
        If there are fewer signal events, or they lack a column of the background.
    """
    if number > len(signal):
        raise InputError(f"{number} signal events cannot be drawn from {len(signal)}; simulate more")
    missing = [column for column in background.columns if column not in signal.columns]
    if missing:
        raise InputError(f"the signal events have no column {missing[0]!r}, which the background has")
    chosen = signal.iloc[rng.choice(len(signal), size=number, replace=False)]
    mixed = pd.concat([background, chosen[list(background.columns)]], ignore_index=True)
    return BlindEvents(mixed.sample(frac=1.0, random_state=rng).reset_index(drop=True))
