"""Windows beside the best one: those in its sidebands are looked at, unless a signal is seen before any cut."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.pipeline import neighbours
from bumphunt.pipeline.neighbours import windows_beside
from bumphunt.preprocessing.splits import MassWindow


def window(low, high):
    return MassWindow(low=low, high=high, sideband_low=low - 600.0, sideband_high=high + 600.0)


WINDOWS = [(2_000.0, 2_300.0), (2_500.0, 3_000.0), (3_000.0, 3_400.0), (3_500.0, 3_900.0), (4_000.0, 4_500.0)]


@pytest.fixture
def search(monkeypatch):
    def of(z_before):
        monkeypatch.setattr(neighbours, "measure", lambda *_, **__: SimpleNamespace(z_local=z_before))
        tasks = [SimpleNamespace(window=window(*each)) for each in WINDOWS]
        outcomes = [
            SimpleNamespace(
                selected=lambda fraction: fraction,
                results=(SimpleNamespace(ordinary=np.nan), *[SimpleNamespace(ordinary=0.5 + 0.01 * place)] * 2),
            )
            for place in range(len(WINDOWS))
        ]
        return SimpleNamespace(tasks=tuple(tasks)), outcomes

    return of


def test_windows_in_the_sidebands_are_looked_at_once_each(search):
    made, outcomes = search(0.5)
    found = windows_beside(made, outcomes, made.tasks[2], outcomes[2])
    # 2400 to 4000: neither the first, nor the last, which begins where the sideband ends
    assert [each.ordinary for each in found] == pytest.approx([0.51, 0.53])
    assert [len(windows_beside(made, outcomes, made.tasks[k], outcomes[k])) for k in (0, 4)] == [1, 1]


def test_of_an_excess_of_another_search_the_window_itself_is_looked_at(search):
    made, outcomes = search(0.5)
    other = SimpleNamespace(selected=lambda fraction: fraction, results=())
    found = windows_beside(made, outcomes, made.tasks[2], other)
    assert [each.ordinary for each in found] == pytest.approx([0.51, 0.52, 0.53])


@pytest.mark.parametrize(("z_before", "number"), [(2.9, 2), (3.1, 0), (float("nan"), 2)])
def test_a_signal_that_is_seen_before_any_cut_spoils_its_neighbours(search, z_before, number):
    made, outcomes = search(z_before)
    assert len(windows_beside(made, outcomes, made.tasks[2], outcomes[2])) == number
