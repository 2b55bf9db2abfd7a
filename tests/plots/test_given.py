"""A plot that is given something else says what it draws, and where that is."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from bumphunt import plots
from bumphunt.errors import InputError
from bumphunt.jobs.hunt import Hunt

PLACES = {
    "spectrum": ".inclusive",
    "scan": ".scan",
    "mass_fit": ".mass_fit",
    "limit": ".limit",
    "plane": ".products.plane",
    "peak_scan": ".products.peak_scan",
    "cross_checks": ".products.cross_checks",
    "training": ".products.training",
}


@pytest.fixture(scope="module")
def hunt(products: Any) -> Hunt:
    nothing: Any = None
    return Hunt(result=nothing, products=products("discovery"), scores=pd.Series(dtype=float), findings=nothing)


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_whole_hunt(hunt: Hunt, name: str) -> None:
    with pytest.raises(InputError, match=rf"plots\.{name} takes .*, found Hunt; give its \{PLACES[name]}$"):
        getattr(plots, name)(hunt)
    with pytest.raises(InputError, match=rf"found Products; give its \.{PLACES[name].rpartition('.')[2]}$"):
        getattr(plots, name)(result=hunt.products)


@pytest.mark.parametrize("name", sorted(set(plots.__all__) - set(PLACES) - {"null_rates"}))
def test_what_a_hunt_does_not_have(hunt: Hunt, name: str) -> None:
    with pytest.raises(InputError, match=rf"plots\.{name} takes "):
        getattr(plots, name)(SimpleNamespace())


def test_what_was_not_fitted() -> None:
    with pytest.raises(InputError, match="takes a MassFit, found None; a search has none where"):
        plots.mass_fit(None)  # type: ignore[arg-type]


def test_a_table() -> None:
    with pytest.raises(InputError, match=r"takes a ScanResult, found DataFrame$"):
        plots.scan(pd.DataFrame({"scan": [1.0]}))  # type: ignore[arg-type]


def test_a_plot_stays_the_same() -> None:
    assert plots.scan is plots.scan
    with pytest.raises(TypeError, match="result"):
        plots.scan()  # type: ignore[call-arg]
