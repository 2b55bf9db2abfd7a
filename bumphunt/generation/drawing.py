"""Draw latent points, decode them, add what the decoder leaves out, and transform back to jet observables.

The decoder and the inverse transform come in as callables, so that nothing here knows a network.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.events import FloatArray
from bumphunt.generation.distributions import DistributionFit
from bumphunt.generation.latent import IndependentVariables, LatentModel
from bumphunt.results import BoolArray
from bumphunt.rng import RNGLike

_CHUNK = 100_000
_FEWEST_ACCEPTED = 0.01


def generate(
    decode: Callable[[FloatArray], FloatArray],
    front_end_inverse: Callable[[FloatArray], FloatArray],
    latent: DistributionFit | Sequence[DistributionFit] | LatentModel,
    n: int,
    *,
    residuals: npt.ArrayLike | None = None,
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
    residuals : array_like, optional
        Rows of input minus reconstruction, shape (any number, features), in [0, 1] units. To each decoded event
        one of them, drawn at random, is added and the sum is folded back at 0 and 1. Without them an
        event is the decoder's mean: sharper than what it was trained on.
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
    left_out = None if residuals is None else np.asarray(residuals, dtype=np.float64)
    kept: list[FloatArray] = []
    missing, drawn = n, 0
    while missing:
        number = min(missing, _CHUNK)
        unit = decode(model.draw(number, rng=generator))
        if left_out is not None:
            unit = fold(unit + left_out[generator.integers(len(left_out), size=number)])
        rows = np.asarray(front_end_inverse(unit), dtype=np.float64)
        if accept is not None:
            rows = rows[accept(rows)]
        kept.append(rows)
        drawn, missing = drawn + number, missing - len(rows)
        if n - missing < _FEWEST_ACCEPTED * drawn:
            raise FitError(f"only {n - missing} of {drawn} events drawn are possible; the decoder is not trained")
    return np.concatenate(kept)


def fold(unit: FloatArray) -> FloatArray:
    """Mirror values below 0 and above 1 back into [0, 1], which keeps a uniform density uniform at the ends.

    Examples
    --------
    >>> import numpy as np
    >>> fold(np.array([-0.25, 0.5, 1.125])).tolist()
    [0.25, 0.5, 0.875]
    """
    return np.asarray(np.clip(1.0 - np.abs(1.0 - np.abs(unit)), 0.0, 1.0))


def heavier_first(rows: FloatArray, names: Sequence[str]) -> BoolArray:
    """Return which rows have jet 1 at least as heavy as jet 2, as in every event table.

    Parameters
    ----------
    rows : numpy.ndarray
        Shape (events, features).
    names : sequence of str
        Their columns; without ``mj1`` and ``mj2`` among them every row passes.

    Examples
    --------
    >>> import numpy as np
    >>> heavier_first(np.array([[200.0, 100.0], [100.0, 200.0]]), ["mj1", "mj2"]).tolist()
    [True, False]
    """
    if "mj1" not in names or "mj2" not in names:
        return np.ones(len(rows), dtype=bool)
    return np.asarray(rows[:, list(names).index("mj1")] >= rows[:, list(names).index("mj2")])


def _model(latent: DistributionFit | Sequence[DistributionFit] | LatentModel) -> LatentModel:
    if isinstance(latent, DistributionFit):
        return IndependentVariables((latent,))
    if not isinstance(latent, Sequence):
        return latent
    if not latent:
        raise InputError("no distribution to draw from; give one for each latent dimension")
    return IndependentVariables(tuple(latent))
