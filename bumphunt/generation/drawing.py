"""Draw latent points, decode them, add what the decoder leaves out, and transform back to jet observables.

The decoder and the inverse transform come in as callables, so that nothing here knows a network.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.events import DAUGHTERS, FloatArray
from bumphunt.generation.distributions import DistributionFit
from bumphunt.generation.latent import IndependentVariables, LatentModel
from bumphunt.results import BoolArray
from bumphunt.rng import RNGLike

_CHUNK = 100_000
_PILOT = 50_000
_FEWEST_ACCEPTED = 0.01


def generate(
    decode: Callable[[FloatArray], FloatArray],
    front_end_inverse: Callable[[FloatArray], FloatArray],
    latent: DistributionFit | Sequence[DistributionFit] | LatentModel,
    n: int,
    *,
    residuals: "Residuals | None" = None,
    uniform_margins: bool = False,
    accept: Callable[[FloatArray], BoolArray] | None = None,
    rng: RNGLike = None,
) -> FloatArray:
    """Generate feature rows: draw latent points, decode them, transform back.

    Parameters
    ----------
    decode : callable
        Latent points of shape (events, latent dimensions) to features in [0, 1].
    front_end_inverse : callable
        Features in [0, 1] to features in their own units.
    latent : DistributionFit, sequence of DistributionFit, or LatentModel
        The distribution of the latent variable, one for each latent dimension (drawn independently), or a model
        of all dimensions such as a :class:`~bumphunt.generation.latent.LatentMixture`.
    n : int
        Events to generate.
    residuals : Residuals, optional
        What the decoder leaves out. One row, of an event nearby in the latent space, is added to each decoded
        event and the sum is folded back at 0 and 1. Without them an event is the decoder's mean: sharper
        than what it was trained on.
    uniform_margins : bool
        Move each decoded feature, keeping its order, to the uniform distribution on [0, 1] that a quantile
        front end gives real events. The map is learned from up to 50,000 draws of its own. Correlations are
        left as the decoder made them.
    accept : callable, optional
        Feature rows, in their own units, to flags of those that are possible at all, for example a first jet
        that is the heavier one. The others are drawn again.
    rng : numpy.random.Generator or seed, optional
        Draws everything.

    Returns
    -------
    numpy.ndarray
        Shape (n, features).

    Raises
    ------
    InputError
        If no distribution is given or ``n`` is less than 1.
    FitError
        If fewer than 1 % of the events drawn are accepted.
    """
    model = _model(latent)
    if n < 1:
        raise InputError(f"{n} events asked for; give at least 1")
    generator = np.random.default_rng(rng)

    def draw(number: int) -> FloatArray:
        points = model.draw(number, rng=generator)
        unit = decode(points)
        return unit if residuals is None else fold(unit + residuals.near(points, rng=generator))

    possible = (lambda rows: np.ones(len(rows), dtype=bool)) if accept is None else accept
    spread = same = None
    if uniform_margins:
        pilot = draw(min(n, _PILOT))
        pilot = pilot[possible(np.asarray(front_end_inverse(pilot)))]
        if len(pilot) < _FEWEST_ACCEPTED * min(n, _PILOT) or len(pilot) < 2:
            raise FitError(f"only {len(pilot)} of the first events drawn are possible; the decoder is not trained")
        spread, same = np.sort(pilot, axis=0), (np.arange(len(pilot)) + 0.5) / len(pilot)
    kept: list[FloatArray] = []
    missing, drawn = n, 0
    while missing:
        number = min(missing, _CHUNK)
        unit = draw(number)
        if spread is not None and same is not None:
            unit = np.column_stack([np.interp(unit[:, i], spread[:, i], same) for i in range(unit.shape[1])])
        rows = np.asarray(front_end_inverse(unit), dtype=np.float64)
        rows = rows[possible(rows)]
        kept.append(rows)
        drawn, missing = drawn + number, missing - len(rows)
        if n - missing < _FEWEST_ACCEPTED * drawn:
            raise FitError(f"only {n - missing} of {drawn} events drawn are possible; the decoder is not trained")
    return np.concatenate(kept)


class Residuals:
    """What a decoder leaves out, by place in the latent space.

    Parameters
    ----------
    points : array_like
        Latent points of events, shape (events, dimensions).
    rows : array_like
        Their features minus what the decoder makes of the points, shape (events, features).
    neighbours : int
        A new point gets the row of one of so many events nearest to it, drawn at random.

    Raises
    ------
    InputError
        If there are not as many rows as points, or fewer than ``neighbours``.
    """

    def __init__(self, points: npt.ArrayLike, rows: npt.ArrayLike, *, neighbours: int = 10) -> None:
        from scipy.spatial import cKDTree

        self.rows = np.asarray(rows, dtype=np.float64)
        places = np.asarray(points, dtype=np.float64)
        if places.ndim != 2 or len(places) != len(self.rows) or not 1 <= neighbours <= len(places):
            raise InputError(
                f"points have shape {places.shape} and residuals {self.rows.shape}, with {neighbours} neighbours; "
                "give one row for each point and no more neighbours than points"
            )
        self.neighbours = neighbours
        self._tree: Any = cKDTree(places)

    def near(self, points: FloatArray, *, rng: RNGLike = None) -> FloatArray:
        """Return one row for each latent point, shape (points, features)."""
        generator = np.random.default_rng(rng)
        # neighbours at most half as far again as the nearest ones: much quicker, and as random
        found = self._tree.query(points, k=[*range(1, self.neighbours + 1)], eps=0.5)[1]
        pick = generator.integers(self.neighbours, size=len(points))
        return np.asarray(self.rows[found[np.arange(len(points)), pick]])


def fold(unit: FloatArray) -> FloatArray:
    """Mirror values below 0 and above 1 back into [0, 1], which keeps a uniform density uniform at the ends.

    Examples
    --------
    >>> import numpy as np
    >>> fold(np.array([-0.25, 0.5, 1.125])).tolist()
    [0.25, 0.5, 0.875]
    """
    return np.asarray(np.clip(1.0 - np.abs(1.0 - np.abs(unit)), 0.0, 1.0))


def heavier_first(
    rows: FloatArray, names: Sequence[str], *, daughters: tuple[str, str] | None = DAUGHTERS
) -> BoolArray:
    """Return which rows have daughter 1 at least as heavy as daughter 2, as in every event table.

    Parameters
    ----------
    rows : numpy.ndarray
        Shape (events, features).
    names : sequence of str
        Their columns; without both daughters among them every row passes.
    daughters : pair of str, or None
        Columns of the masses of the two, those of dijets by default; None where there are none.

    Examples
    --------
    >>> import numpy as np
    >>> heavier_first(np.array([[200.0, 100.0], [100.0, 200.0]]), ["mj1", "mj2"]).tolist()
    [True, False]
    """
    if daughters is None or not set(daughters) <= set(names):
        return np.ones(len(rows), dtype=bool)
    first, second = (list(names).index(name) for name in daughters)
    return np.asarray(rows[:, first] >= rows[:, second])


def _model(latent: DistributionFit | Sequence[DistributionFit] | LatentModel) -> LatentModel:
    if isinstance(latent, DistributionFit):
        return IndependentVariables((latent,))
    if not isinstance(latent, Sequence):
        return latent
    if not latent:
        raise InputError("no distribution to draw from; give one for each latent dimension")
    return IndependentVariables(tuple(latent))
