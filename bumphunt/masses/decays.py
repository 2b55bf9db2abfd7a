"""Which decay the data ask for: the mass fit under each hypothesis, and the choice in the intervals."""

import logging
from dataclasses import replace

import numpy as np

from bumphunt.errors import FitError
from bumphunt.masses.acceptance import Select
from bumphunt.masses.constants import DOUBTFUL_P_VALUE, DOUBTFUL_SCALE_PULL, TAU21_PRIOR
from bumphunt.masses.fit import fit_masses, objective_at_its_scale
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.responses import Response
from bumphunt.masses.score_shift import ScoreCuts
from bumphunt.masses.signal_table import SignalTable
from bumphunt.results import Interval, MassFit

logger = logging.getLogger(__name__)


def fit_decays(
    events: SelectedEvents, response: Response, *, select: Select | None = None, cuts: ScoreCuts | None = None
) -> MassFit:
    """Fit the masses under the first hypothesis of the response, and under the others where that one is in doubt.

    Jet masses tell the hypotheses apart little, tau21 much: three prongs have half as much again as two. So the
    likelihoods are compared with what the scale of tau21 costs under each. The best one is answered; every other one
    that is within one of it in twice the log likelihood adds its interval, as a profile over a discrete parameter does
    (Dauncey et al., JINST 10 (2015) P04015, arXiv:1408.6865). Where there is no tau21 the first one is assumed, and
    what the others would give is said: their yields differ more than jet masses can tell, whose shapes depend on the
    detector as much as on the decay.

    Parameters
    ----------
    events : SelectedEvents
        The selected events and their background.
    response : Response
        The hypotheses, and the detector.
    select : callable, optional
        As in :func:`bumphunt.masses.fit.fit_masses`.
    cuts : ScoreCuts, optional
        As there.

    Raises
    ------
    FitError
        If the first hypothesis cannot be fitted, and no other one was tried.
    """
    fits = [
        fit_masses(
            events,
            table=response.table,
            varied=response.varied,
            select=select,
            interpolation=response.interpolation,
            hypothesis=response.hypothesis,
            cuts=cuts,
        )
    ]
    if select is None or not response.others or not _doubtful(fits[0]):
        return fits[0]
    tables = {response.hypothesis: response.table, **dict(response.others)}
    for name, table in response.others:
        try:
            fits.append(
                fit_masses(
                    events,
                    table=table,
                    varied=response.varied,
                    nominal=response.table,
                    select=select,
                    interpolation=tuple(max(pair) for pair in zip(response.interpolation, COARSE_ERROR, strict=True)),
                    hypothesis=name,
                    cuts=cuts,
                )
            )
        except FitError as error:
            logger.info("mass fit with %s: %s", name, error)
    if not fits[0].tau21_compared:
        return _assumed(fits)
    if len(fits) > 1:
        fits = _at_their_scales(events, fits, tables, select)
    return profiled(fits)


COARSE_ERROR = (0.0039, 0.0039, 0.0051, 0.063)
"""Relative errors from reading between the points of the coarser grids, by their leave-one-out."""


def profiled(fits: list[MassFit]) -> MassFit:
    """Return the best of the fits, its intervals widened by those of others that describe the data nearly as well."""
    fits = sorted(fits, key=lambda fit: fit.objective)
    best = fits[0]
    behind = {fit.hypothesis: fit.objective - best.objective for fit in fits}
    for other in fits[1:]:
        part = float(np.sqrt(max(1.0 - behind[other.hypothesis], 0.0)))
        if part > 0.0:
            best = replace(
                best,
                m_resonance=_union(best.m_resonance, other.m_resonance, part),
                m_x=_union(best.m_x, other.m_x, part),
                m_y=_union(best.m_y, other.m_y, part),
                n_signal=_union(best.n_signal, other.n_signal, part),
            )
    return replace(best, hypotheses=behind)


def _assumed(fits: list[MassFit]) -> MassFit:
    """Return the first fit with what the others would give beside it."""
    return replace(
        fits[0],
        hypotheses={fit.hypothesis: fit.objective - fits[0].objective for fit in fits},
        yields={fit.hypothesis: fit.n_signal.value for fit in fits},
    )


def _at_their_scales(
    events: SelectedEvents, fits: list[MassFit], tables: dict[str, SignalTable], select: Select
) -> list[MassFit]:
    """Return the fits, compared with tau21 in what the cut keeps as it is in what it costs; answers stay.

    A hypothesis that is charged for a scale, but described by the cut as if there were none, may win by what it is not.
    """
    try:
        found = [objective_at_its_scale(events, fit, table=tables[fit.hypothesis], select=select) for fit in fits]
    except FitError as error:
        logger.info("mass fit at the scale of tau21: %s", error)
        return fits
    return [replace(fit, objective=value) for fit, value in zip(fits, found, strict=True)]


def _doubtful(fit: MassFit) -> bool:
    """Tell whether another hypothesis could describe the data: where this one is well, it is far better."""
    pull = abs(float(np.log(max(fit.tau21_scale, 1e-9)))) / TAU21_PRIOR
    return not fit.tau21_compared or pull > DOUBTFUL_SCALE_PULL or fit.p_value < DOUBTFUL_P_VALUE


def _union(best: Interval, other: Interval, part: float) -> Interval:
    """Return the interval that holds the best one and ``part`` of the errors of the other one."""
    ends = {}
    for low, high in (("low", "high"), ("stat_low", "stat_high")):
        if any(getattr(one, end) is None for one in (best, other) for end in (low, high)):
            continue
        ends[low] = min(getattr(best, low), other.value - part * (other.value - getattr(other, low)))
        ends[high] = max(getattr(best, high), other.value + part * (getattr(other, high) - other.value))
    return replace(best, **ends)
