"""Masses at the far ends of the grid are found, or said to lie outside."""

import numpy as np
import pytest

from bumphunt.masses.checks import mass_checks
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

from .test_fit import MASSES, experiment


@pytest.mark.parametrize("masses", [(7_500.0, 700.0, 300.0), (3_600.0, 780.0, 250.0)], ids=["7.5 TeV", "heavy X"])
def test_far_masses_are_found_or_not_verified(table, signal, background, masses):
    rng = np.random.default_rng(3)
    edges = mass_grid(0.8 * masses[0], 1.32 * masses[0], ratio=1.03)
    window = np.zeros(len(edges) - 1, dtype=bool)
    middle = int(np.searchsorted(edges, masses[0]))
    window[middle - 3 : middle + 2] = True
    masked = window.copy()
    masked[[middle - 4, middle + 2]] = True
    events = np.concatenate([np.stack(signal(masses, 150, rng)), background(300, rng, edges[0], edges[-1])], axis=1)
    events = events[:, (events[0] >= edges[0]) & (events[0] < edges[-1])]
    low, high = edges[:-1][window].min(), edges[1:][window].max()
    selected = SelectedEvents(
        mjj=events[0],
        mj1=events[1],
        mj2=events[2],
        in_window=(events[0] >= low) & (events[0] < high),
        spectrum=fit_spectrum(count(events[0], edges), edges, family="dijet3", masked=masked, window=window),
    )
    fit = fit_masses(selected, table=table)
    checks = mass_checks(fit, n_events=10_000, jet_ratio=0.1, table=table)
    verified = all(check.passed for check in checks)
    pulls = [
        (interval.value - true) / (0.5 * (interval.high - interval.low))
        for interval, true in zip((fit.m_resonance, fit.m_x, fit.m_y, fit.n_signal), (*masses, 150.0), strict=True)
    ]
    assert not verified or np.abs(pulls).max() < 3.0, pulls
    if masses[0] > 7_000.0:
        assert verified, [check.name for check in checks if not check.passed]


def test_a_lighter_daughter_that_is_a_plain_jet_is_not_verified(table, signal, background):
    """The mass of a quark's or gluon's jet has no peak: m_resonance and m_x hold, and m_y is not verified."""

    def with_plain_jet(masses, number, rng):
        mjj, mj1, mj2 = signal(masses, number, rng)
        of_x = np.where(np.abs(np.log(mj1 / masses[1])) < np.abs(np.log(mj2 / masses[1])), mj1, mj2)
        plain = 105.0 * np.exp(rng.normal(0.0, 0.6, number))  # as the lighter jet of QCD at this mjj
        return mjj, np.maximum(of_x, plain), np.minimum(of_x, plain)

    for seed in (2, 4):
        events = experiment(with_plain_jet, background, np.random.default_rng(seed), n_signal=120, n_background=150)
        fit = fit_masses(events, table=table)
        checks = mass_checks(fit, n_events=10_000, jet_ratio=0.1, table=table)
        assert "daughters_peak" in {check.name for check in checks if not check.passed}
        assert fit.over_plain < 0.0  # without a peak the data are described better
        assert fit.m_x.value == pytest.approx(MASSES[1], rel=0.03)
        assert fit.m_resonance.value == pytest.approx(MASSES[0], rel=0.02)
