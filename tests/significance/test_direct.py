"""The direct background estimate: unbiased where the score ignores mjj, its error covers, a drift does no harm."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.direct import direct_estimate


def spectrum(number, rng, *, drift=0.0):
    """Return falling masses and a selection of about 2 % whose efficiency is linear in log mjj."""
    mjj = 3000.0 * (1.0 - rng.random(number)) ** (-1.0 / 6.0)
    efficiency = 0.02 * (1.0 + drift * np.log(mjj / 3500.0))
    return mjj, rng.random(number) < efficiency


def regions(mjj):
    return {"region": (mjj > 3400) & (mjj < 3800), "lower": mjj < 3200, "upper": (mjj > 4000) & (mjj < 5000)}


@pytest.mark.parametrize("drift", [0.0, 1.5])
def test_pulls_are_standard(drift):
    rng = np.random.default_rng(4)
    pulls = []
    for _ in range(400):
        mjj, selected = spectrum(20_000, rng, drift=drift)
        parts = regions(mjj)
        found = direct_estimate(mjj, selected, **parts)
        observed = (selected & parts["region"]).sum()
        pulls.append((observed - found.expected) / np.hypot(found.error, np.sqrt(found.expected)))
    assert abs(np.mean(pulls)) < 4 / np.sqrt(400)
    assert 0.9 < np.std(pulls) < 1.1


def test_signal_adds_its_part_of_the_window_only():
    rng = np.random.default_rng(5)
    mjj, selected = spectrum(20_000, rng)
    before = direct_estimate(mjj, selected, **regions(mjj))
    signal = np.full(200, 3600.0)
    both, chosen = np.concatenate([mjj, signal]), np.concatenate([selected, np.ones(200, dtype=bool)])
    after = direct_estimate(both, chosen, **regions(both))
    n_region = regions(mjj)["region"].sum()
    assert after.expected == pytest.approx(before.expected * (n_region + 200) / n_region, rel=2e-3)


def test_nothing_selected_still_has_an_error():
    mjj, selected = spectrum(2_000, np.random.default_rng(6))
    found = direct_estimate(mjj, selected & False, **regions(mjj))
    assert found.expected == 0
    assert found.error > 0


def test_an_empty_sideband_is_refused():
    mjj, selected = spectrum(2_000, np.random.default_rng(7))
    parts = regions(mjj)
    with pytest.raises(InputError, match="upper sideband"):
        direct_estimate(mjj, selected, region=parts["region"], lower=parts["lower"], upper=mjj < 0)
