"""Which continuous distribution of scipy.stats does one latent variable follow? The search of Vaupotič's report.

A standard Gaussian is the prior of a variational autoencoder, but the latent means of real events
do not follow it. Every distribution is fitted by maximum likelihood under a time limit and ranked.
"""

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, FitError, InputError
from bumphunt.events import FloatArray
from bumphunt.execution import parallel_map
from bumphunt.results import Result
from bumphunt.rng import RNGLike

logger = logging.getLogger(__name__)

MEASURES = ("ks", "aic", "squared_error")
"""What distributions may be ranked by; the smaller the better."""

_BINS = 200
_COARSE = 1000
# A single evaluation of the first two densities takes seconds to minutes at a few thousand events; the third lives
# on a circle, and its density repeats for ever on a line (vonmises_line is the one that does not).
_LEFT_OUT = frozenset({"levy_stable", "studentized_range", "vonmises"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistributionFit(Result):
    """One scipy.stats distribution fitted to a sample by maximum likelihood.

    Attributes
    ----------
    name : str
        Its name in :mod:`scipy.stats`.
    parameters : tuple of float
        Shapes, then location and scale, in scipy's order.
    ks : float
        Largest distance between the sample's and the fitted cumulative distribution.
    aic : float
        Akaike's criterion, 2 × parameters − 2 log L; comparable within one sample only.
    squared_error : float
        Sum over 200 bins of the squared difference between density histogram and density,
        Vaupotič's measure. It depends on the binning and on the unit of the variable.
    n_events : int
        Events fitted.
    """

    name: str
    parameters: tuple[float, ...]
    ks: float
    aic: float
    squared_error: float
    n_events: int

    def __str__(self) -> str:
        return f"{self.name}: KS {self.ks:.4f}, AIC {self.aic:.0f} ({self.n_events} events)"


def continuous_distributions() -> tuple[str, ...]:
    """Return the names of the scipy.stats continuous distributions on a line that can be fitted in reasonable time."""
    from scipy import stats

    return tuple(
        sorted(
            name
            for name in vars(stats)
            if isinstance(getattr(stats, name), stats.rv_continuous) and name not in _LEFT_OUT
        )
    )


def rank_distributions(
    sample: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    by: str = "ks",
    workers: int = 1,
    time_limit: float = 10.0,
    max_events: int = 5000,
    refine: int = 20,
) -> list[DistributionFit]:
    """Fit continuous distributions to a latent variable and rank them, best first.

    Parameters
    ----------
    sample : array_like
        Shape (events,).
    names : sequence of str, optional
        Names in :mod:`scipy.stats`; all of :func:`continuous_distributions` by default.
    by : {"ks", "aic", "squared_error"}
        The measure to rank by, smallest first. The squared error is Vaupotič's: it weighs the
        mode of the histogram most and the tails hardly at all.
    workers : int
        Local processes, one distribution a task.
    time_limit : float
        Seconds for the fit of one distribution. One that needs longer is left out and logged.
    max_events : int
        A larger sample is thinned to this many evenly spaced order statistics, which keeps its shape
        without a random choice. All criteria are of the thinned sample.
    refine : int
        Every distribution is first fitted to 1000 order statistics, which costs a fifth; so many of the best are
        then fitted again to all of the thinned sample, from where they are.

    Returns
    -------
    list of DistributionFit
        Those whose fit succeeded, by ascending ``by``.

    Raises
    ------
    ConfigError
        On a name that scipy does not know, or an unknown measure.
    InputError
        On a sample that is too small, constant or not finite.
    FitError
        If no distribution could be fitted.
    """
    values = np.sort(np.asarray(sample, dtype=np.float64).ravel())
    if len(values) < 20 or not np.isfinite(values).all() or values[0] == values[-1]:
        raise InputError(
            f"{len(values)} values, {int((~np.isfinite(values)).sum())} not finite; "
            "give at least 20 finite values that are not all the same"
        )
    if not time_limit > 0 or max_events < 20:
        raise ConfigError(f"time_limit {time_limit:g} must be positive and max_events {max_events} at least 20")
    if by not in MEASURES:
        raise ConfigError(f"distributions cannot be ranked by {by!r}; choose one of {', '.join(MEASURES)}")
    known = continuous_distributions()
    chosen = known if names is None else tuple(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ConfigError(f"{unknown[0]!r} is not a continuous distribution to fit; see continuous_distributions()")
    values = _thinned(values, max_events)
    coarse = _thinned(values, _COARSE)
    tasks = [(name, coarse, values, None, time_limit) for name in chosen]
    found = {fit.name: fit for _, fit in parallel_map(_fit_one, tasks, workers=workers) if fit is not None}
    if not found:
        raise FitError(f"none of {len(chosen)} distributions could be fitted; try others or a longer time_limit")

    def order(fit: DistributionFit) -> tuple[float, str]:
        return float(getattr(fit, by)), fit.name

    if len(coarse) < len(values):
        best = sorted(found.values(), key=order)[:refine]
        again = [(fit.name, values, values, fit.parameters, time_limit) for fit in best]
        for _, fit in parallel_map(_fit_one, again, workers=workers):
            if fit is not None and fit.aic < found[fit.name].aic:
                found[fit.name] = fit
    return sorted(found.values(), key=order)


def _thinned(values: FloatArray, most: int) -> FloatArray:
    """Return evenly spaced order statistics of sorted values, with both ends: a bounded density must reach them."""
    if len(values) <= most:
        return values
    places = ((np.arange(most) + 0.5) * len(values) / most).astype(int)
    places[0], places[-1] = 0, len(values) - 1
    return np.asarray(values[places], dtype=np.float64)


def sample_distribution(fit: DistributionFit, n: int, *, rng: RNGLike = None) -> FloatArray:
    """Draw ``n`` values from a fitted distribution.

    Parameters
    ----------
    fit : DistributionFit
        From :func:`rank_distributions`.
    n : int
        Values to draw, at least 1.
    rng : numpy.random.Generator or seed, optional
        Draws them.

    Examples
    --------
    >>> fit = DistributionFit(name="norm", parameters=(0.0, 1.0), ks=0.0, aic=0.0, squared_error=0.0, n_events=100)
    >>> sample_distribution(fit, 3, rng=1).shape
    (3,)
    """
    from scipy import stats

    if n < 1:
        raise InputError(f"{n} values asked for; give at least 1")
    distribution = getattr(stats, fit.name)
    return np.asarray(
        distribution.rvs(*fit.parameters, size=n, random_state=np.random.default_rng(rng)), dtype=np.float64
    )


class _OutOfTimeError(Exception):
    pass


_Task = tuple[str, FloatArray, FloatArray, tuple[float, ...] | None, float]


def _fit_one(task: _Task) -> DistributionFit | None:
    """Fit a distribution to ``learned`` and judge it on ``values``."""
    from scipy import optimize, stats

    name, learned, values, start, time_limit = task
    distribution = getattr(stats, name)
    guess: dict[str, float] = {} if start is None else {"loc": start[-2], "scale": start[-1]}
    deadline = time.monotonic() + time_limit

    # scipy's fit has no time limit of its own, but takes the minimiser: ours looks at the clock.
    def minimise(function: Any, start: Any, args: tuple[Any, ...] = (), disp: int = 0) -> Any:
        def timed(point: Any, *rest: Any) -> Any:
            if time.monotonic() > deadline:
                raise _OutOfTimeError
            return function(point, *rest)

        return optimize.fmin(timed, start, args=args, disp=False)

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            parameters = tuple(
                float(value) for value in distribution.fit(learned, *(start or ())[:-2], optimizer=minimise, **guess)
            )
            log_likelihood = float(np.sum(distribution.logpdf(values, *parameters)))
            cumulative = np.asarray(distribution.cdf(values, *parameters), dtype=np.float64)
            histogram, edges = np.histogram(values, bins=_BINS, density=True)
            density = distribution.pdf(0.5 * (edges[1:] + edges[:-1]), *parameters)
    except _OutOfTimeError:
        logger.info("distribution %s left out: its fit took more than %g s", name, time_limit)
        return None
    except Exception as error:  # scipy's fits fail in many ways (FitError, ValueError, OverflowError, …): none is ours
        logger.info("distribution %s left out: %s", name, error)
        return None
    if not (np.isfinite(log_likelihood) and np.isfinite(cumulative).all()):
        logger.info("distribution %s left out: its fit is not finite on the sample", name)
        return None
    step = np.arange(len(values) + 1) / len(values)
    ks = max(float(np.max(step[1:] - cumulative)), float(np.max(cumulative - step[:-1])))
    return DistributionFit(
        name=name,
        parameters=parameters,
        ks=ks,
        aic=2.0 * len(parameters) - 2.0 * log_likelihood,
        squared_error=float(np.sum((histogram - density) ** 2)),
        n_events=len(values),
    )
