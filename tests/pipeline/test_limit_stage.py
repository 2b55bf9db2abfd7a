"""What is told of the best window by pyhf, with stand-ins for it: which signal, at which mass, of which counts."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import FitError
from bumphunt.pipeline import limit
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.results import UpperLimit
from bumphunt.significance.workspace import resonance_signal
from bumphunt.spectrum.binning import mass_grid

EDGES = mass_grid(3_000.0, 5_000.0, ratio=1.03)
WINDOW = window_on_grid(EDGES, 3_600.0, 4_000.0, sideband=4)
LIMIT = UpperLimit(n_signal_95=9.0, mass=3.8e3, width=100.0, expected=np.ones(5), q0_p_value=0.5, best_fit=0.0)


def window_task(config=None):
    mjj = np.repeat(0.5 * (EDGES[1:] + EDGES[:-1]), 10)
    return SimpleNamespace(config=config_from_dict(config or {}), window=WINDOW, mjj=mjj, seed=1, number=0)


def test_a_limit_is_set_at_the_fitted_mass_or_in_the_middle(monkeypatch):
    asked = []
    monkeypatch.setattr(limit, "inclusive_signal", lambda search, verdict, mass: (f"signal {mass}", (mass, 1.0, 2.0)))
    monkeypatch.setattr(limit, "fit_spectrum", lambda counts, edges, **given: SimpleNamespace(**given))
    monkeypatch.setattr(limit, "build_workspace", lambda fit, signal, channel: f"{channel} {signal}")
    monkeypatch.setattr(
        limit, "upper_limit", lambda workspace, mass, width: asked.append((workspace, mass, width)) or LIMIT
    )
    task = window_task()
    best = SimpleNamespace(task=task, result=SimpleNamespace(centre=3_800.0))
    search = SimpleNamespace(edges=EDGES, inclusive=SimpleNamespace(counts=None, family="dijet3"))
    fit = SimpleNamespace(m_resonance=SimpleNamespace(value=3_700.0))
    for given, mass in ((None, 3_800.0), (fit, 3_700.0)):
        workspace, found = limit.inclusive_limit(search, SimpleNamespace(best=best, mass_fit=given))
        assert workspace == f"mjj_inclusive signal {mass}"
        assert asked.pop() == (workspace, mass, task.config.limit.width)
        assert found.masses.tolist() == [mass, 1.0, 2.0]
    monkeypatch.setattr(limit, "inclusive_signal", lambda search, verdict, mass: ("gaussian", None))
    assert limit.inclusive_limit(search, SimpleNamespace(best=best, mass_fit=None))[1].masses is None
    task.config = config_from_dict({"limit": {"enabled": False}})
    assert limit.inclusive_limit(search, SimpleNamespace(best=best, mass_fit=None)) == (
        "mjj_inclusive gaussian", None,
    )  # fmt: skip

    def fails(*_, **__):
        raise FitError("no")

    monkeypatch.setattr(limit, "fit_spectrum", fails)
    assert limit.inclusive_limit(search, SimpleNamespace(best=best, mass_fit=None)) == (None, None)


def test_what_is_selected_is_fitted_or_counted(monkeypatch):
    monkeypatch.setattr(limit, "build_workspace", lambda fit, signal, channel: ("fitted", signal.sum()))
    monkeypatch.setattr(limit, "build_counting_workspace", lambda found, inside, channel: ("counted", inside))
    monkeypatch.setattr(limit, "discovery_p_value", lambda workspace: (0.01, 12.0))
    search, task = SimpleNamespace(edges=EDGES), window_task()
    signal = resonance_signal(EDGES, mass=3_800.0, width=0.033)
    for fit, how, part in (("fit", "fitted", signal.sum()), (None, "counted", signal[WINDOW.bins(EDGES)].sum())):
        best = SimpleNamespace(task=task, result=SimpleNamespace(centre=3_800.0, fit=fit))
        (kind, size), found = limit.discovery_fit(search, best)
        assert (kind, found) == (how, {"q0_p_value": 0.01, "n_selected": 12.0})
        assert size == pytest.approx(part)

    def fails(workspace):
        raise FitError("no")

    monkeypatch.setattr(limit, "discovery_p_value", fails)
    assert limit.discovery_fit(search, best)[1] == {}
