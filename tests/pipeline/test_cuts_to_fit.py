"""At which cuts a mass fit is tried: the loosest clear one, looser ones as long as the excess fills them."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.pipeline import mass_estimate

CONFIG = config_from_dict({"search": {"cut_fractions": [0.01, 0.002]}, "masses": {"looser_cuts": [0.05, 0.2]}})


def result(fraction, z=0.0, note="", observed=100.0, expected=50.0, fit=True):
    return SimpleNamespace(
        cut_fraction=fraction, z_local=z, note=note, n_observed=observed, n_expected=expected, fit=fit or None
    )


@pytest.mark.parametrize(
    ("z", "best", "looser", "cuts"),
    [
        # the excess of looser cuts is not pure: begin at the loosest cut that is clear
        ({0.01: 5.0, 0.002: 9.0}, 0.002, {0.05: 0.21}, [0.01, 0.05, 0.2]),
        ({0.01: 4.99, 0.002: 9.0}, 0.002, {0.05: 0.21}, [0.002, 0.01, 0.05, 0.2]),
        ({0.01: 4.0, 0.002: 3.0}, 0.01, {0.05: 0.21}, [0.01, 0.05, 0.2]),
        # before any cut there is no place to fit masses: the loosest cut is the first
        ({1.0: 9.0, 0.01: 2.0}, 1.0, {}, [0.2]),
        # signal fills the looser cut to at least 80 %: begin there
        ({0.01: 9.0, 0.002: 9.0}, 0.002, {0.05: 0.2, 0.2: 0.21}, [0.05, 0.2]),
        ({0.01: 9.0, 0.002: 9.0}, 0.002, {0.05: 0.1, 0.2: 0.1}, [0.2]),
        # what a looser one says does not count after one that is not full
        ({0.01: 9.0, 0.002: 9.0}, 0.002, {0.05: 0.21, 0.2: 0.1}, [0.01, 0.05, 0.2]),
        ({0.01: 9.0, 0.002: 9.0}, 0.002, {0.05: None}, [0.01, 0.05, 0.2]),
    ],
)
def test_the_order_of_the_cuts(monkeypatch, z, best, looser, cuts):
    outcome = SimpleNamespace(
        selected=lambda fraction: np.linspace(0.0, 1.0, 1000) > 1.0 - fraction,
        results=tuple(result(fraction, value) for fraction, value in z.items()),
    )

    def measured(chosen, task, *, fraction):
        assert chosen.mean() == pytest.approx(fraction, abs=0.002)
        share = looser[fraction]
        return result(fraction, expected=100.0 * (share or 0.0), fit=share is not None)

    monkeypatch.setattr(mass_estimate, "measure", measured)
    assert mass_estimate._cuts_to_fit(None, outcome, result(best), CONFIG) == cuts
