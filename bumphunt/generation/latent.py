"""What several latent variables follow together: a Gaussian copula of fitted margins, or a Gaussian mixture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.generation.distributions import DistributionFit, rank_distributions, sample_distribution
from bumphunt.results import Result
from bumphunt.rng import RNGLike, integer_seed

_SMALLEST_VARIANCE = 1e-5


class LatentModel(Protocol):
    """Something that draws latent points."""

    @property
    def dimensions(self) -> int:
        """Latent variables."""

    def draw(self, n: int, *, rng: RNGLike = None) -> FloatArray:
        """Return ``n`` latent points, shape (n, dimensions)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatentCopula(Result):
    """One fitted distribution for each latent variable, tied together by a Gaussian copula.

    Attributes
    ----------
    margins : tuple of DistributionFit
        One for each latent variable.
    correlation : numpy.ndarray
        Correlation of the variables' normal scores, shape (dimensions, dimensions).
    """

    margins: tuple[DistributionFit, ...]
    correlation: FloatArray

    @property
    def dimensions(self) -> int:
        """Latent variables."""
        return len(self.margins)

    def draw(self, n: int, *, rng: RNGLike = None) -> FloatArray:
        """Return ``n`` latent points, shape (n, dimensions)."""
        from scipy import special, stats

        generator = np.random.default_rng(_at_least_one(n, rng))
        normal = generator.standard_normal((n, self.dimensions)) @ np.linalg.cholesky(self.correlation).T
        level = special.ndtr(normal)
        columns = [
            getattr(stats, margin.name).ppf(level[:, column], *margin.parameters)
            for column, margin in enumerate(self.margins)
        ]
        return np.column_stack(columns).astype(np.float64)

    def __str__(self) -> str:
        return "Gaussian copula of " + ", ".join(margin.name for margin in self.margins)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatentMixture(Result):
    """Gaussian mixture in the latent space.

    Attributes
    ----------
    weights : numpy.ndarray
        Part of each component, shape (components,); they sum to 1.
    means : numpy.ndarray
        Shape (components, dimensions).
    covariances : numpy.ndarray
        Shape (components, dimensions, dimensions).
    log_likelihood : float
        Mean log density of the events fitted, per event.
    bic : float
        Bayes' information criterion, for a choice of the number of components on one sample.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    log_likelihood: float
    bic: float

    @property
    def dimensions(self) -> int:
        """Latent variables."""
        return int(self.means.shape[1])

    def draw(self, n: int, *, rng: RNGLike = None) -> FloatArray:
        """Return ``n`` latent points, shape (n, dimensions), in random order."""
        generator = np.random.default_rng(_at_least_one(n, rng))
        component = generator.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        normal = generator.standard_normal((n, self.dimensions))
        roots = np.linalg.cholesky(self.covariances)
        points = np.empty_like(normal)
        for number, root in enumerate(roots):
            members = component == number
            points[members] = self.means[number] + normal[members] @ root.T
        return points

    def __str__(self) -> str:
        return f"mixture of {len(self.weights)} Gaussians in {self.dimensions} dimensions"


@dataclass(frozen=True, slots=True)
class IndependentVariables:
    """One distribution for each latent variable, drawn independently of the others."""

    margins: tuple[DistributionFit, ...]

    @property
    def dimensions(self) -> int:
        """Latent variables."""
        return len(self.margins)

    def draw(self, n: int, *, rng: RNGLike = None) -> FloatArray:
        """Return ``n`` latent points, shape (n, dimensions)."""
        generator = np.random.default_rng(rng)
        return np.column_stack([sample_distribution(margin, n, rng=generator) for margin in self.margins])


def fit_copula(
    latent: npt.ArrayLike, *, names: Sequence[str] | None = None, workers: int = 1, time_limit: float = 10.0
) -> LatentCopula:
    """Fit the best scipy distribution to each latent variable and the correlation of their normal scores.

    Use it where the variables depend on each other smoothly; clusters and bent clouds need :func:`fit_mixture`.

    Parameters
    ----------
    latent : array_like
        Shape (events, dimensions).
    names, workers, time_limit
        As for :func:`~bumphunt.generation.distributions.rank_distributions`.

    Raises
    ------
    InputError, ConfigError, FitError
        As for :func:`~bumphunt.generation.distributions.rank_distributions`.

    Notes
    -----
    The normal score of a value is the standard normal quantile of its rank, so the correlation does not
    depend on how well the margins are fitted (Genest and Favre 2007, doi:10.1061/(ASCE)1084-0699(2007)12:4(347)).
    """
    from scipy import special, stats

    points = _points(latent)
    margins = tuple(
        rank_distributions(column, names=names, workers=workers, time_limit=time_limit)[0] for column in points.T
    )
    scores = special.ndtri((stats.rankdata(points, axis=0) - 0.5) / len(points))
    return LatentCopula(margins=margins, correlation=np.atleast_2d(np.corrcoef(scores, rowvar=False)))


def fit_mixture(
    latent: npt.ArrayLike, *, components: int = 32, max_events: int = 50_000, seed: int = 0
) -> LatentMixture:
    """Fit a mixture of Gaussians with full covariances to latent points.

    Use it to draw from a latent space of several dimensions: the events of a variational autoencoder fill it as a
    sum of Gaussians (the aggregate posterior), which no product of one-dimensional fits can follow.

    Parameters
    ----------
    latent : array_like
        Shape (events, dimensions); best draws from each event's latent Gaussian, not its mean alone.
    components : int
        Gaussians, at least 1.
    max_events : int
        Of more events than these the first are used; their order must be random.
    seed : int
        Seed of the starting point.

    Raises
    ------
    InputError
        If there are fewer than ten events a component, or values that are not finite.
    ConfigError
        If ``components`` is less than 1.
    """
    points = _points(latent)[:max_events]
    if components < 1:
        raise ConfigError(f"components is {components}; give at least 1")
    if len(points) < 10 * components:
        raise InputError(f"{len(points)} events are too few for {components} Gaussians; give ten a component or more")
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        found = GaussianMixture(
            components,
            covariance_type="full",
            reg_covar=_SMALLEST_VARIANCE,
            max_iter=200,
            tol=2e-3,
            random_state=integer_seed(seed, "generation", "mixture"),
        )
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unfinished last step changes the density by less than the tolerance
            found.fit(points)
        return LatentMixture(
            weights=np.asarray(found.weights_),
            means=np.asarray(found.means_),
            covariances=np.asarray(found.covariances_),
            log_likelihood=float(found.score(points)),
            bic=float(found.bic(points)),
        )


def _points(latent: npt.ArrayLike) -> FloatArray:
    points = np.asarray(latent, dtype=np.float64)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or not np.isfinite(points).all():
        raise InputError(f"latent points have shape {points.shape} or are not finite; give (events, dimensions)")
    return points


def _at_least_one(n: int, rng: RNGLike) -> RNGLike:
    if n < 1:
        raise InputError(f"{n} points asked for; give at least 1")
    return rng
