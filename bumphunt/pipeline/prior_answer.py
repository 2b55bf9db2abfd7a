"""The prior-assisted search as a part of a hunt: where it applies, what is kept of it, and how it is calibrated."""

from dataclasses import dataclass

from bumphunt.masses.responses import response_named
from bumphunt.pipeline.prior_search import (
    PreparedPrior,
    PriorFindings,
    PriorSettings,
    covered_windows,
    prepare_prior,
)
from bumphunt.pipeline.search import Search
from bumphunt.preprocessing.content import fold_assignments

FOLDS = 2
"""Parts of the events, each scored by models of signal against the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorAnswer:
    """What the prior-assisted search found in a hunt, or None and why it was left out; sentences on what it covers."""

    findings: PriorFindings | None
    said: tuple[str, ...] = ()


def prepare_for(search: Search) -> PreparedPrior:
    """Train the score for the windows of a search in which signal is simulated."""
    first = search.tasks[0]
    table = response_named(first.config.masses.response).table
    windows = covered_windows([task.window for task in search.tasks], table)
    folds = fold_assignments(first.keys, folds=FOLDS, repeat=0)
    settings = PriorSettings(family=first.config.search.family, sqrt_s=first.config.sqrt_s)
    return prepare_prior(search.events, windows, search.edges, folds, seed=first.seed, settings=settings, table=table)
