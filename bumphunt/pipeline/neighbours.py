"""Windows beside the best one: whether something other than a signal makes their events differ."""

import numpy as np

from bumphunt.pipeline.ordinary_events import CLEAR_SIGNAL
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measure
from bumphunt.results import WindowResult


def windows_beside(
    search: Search, outcomes: list[WindowOutcome], task: WindowTask, outcome: WindowOutcome
) -> tuple[WindowResult, ...]:
    """Return what the score of ``cwola`` found in each window that lies in the sidebands of the best one, or partly so.

    Where the prior-assisted search has found the best one, that window itself is among them.

    A feature that is shifted in some range of masses makes a window claim that merely has this range in a sideband. A
    signal strong enough to be seen before any cut is no longer few events in the sidebands of its neighbours, which
    then tell nothing.

    Parameters
    ----------
    search, outcomes
        The search and what its windows gave.
    task, outcome
        The best window and what it gave.
    """
    if measure(outcome.selected(1.0), task, fraction=1.0).z_local > CLEAR_SIGNAL:
        return ()
    best, found = task.window, []
    for other, its in zip(search.tasks, outcomes, strict=True):
        window = other.window
        apart = window.high <= best.sideband_low or window.low >= best.sideband_high
        if its is not outcome and not apart:
            found += [each for each in its.results if np.isfinite(each.ordinary)][:1]
    return tuple(found)
