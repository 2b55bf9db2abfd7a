"""What holds for every spectrum: order of p-values, units, and what more events do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.significance.asymptotics import OnOff, tail_probabilities
from bumphunt.significance.bumphunter import smallest_p_values, windows
from bumphunt.significance.limits import window_limits
from bumphunt.significance.trials import global_p_value
from bumphunt.significance.window_likelihood import window_sqrt_q0
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.spectrum import as_spectrum

EDGES = mass_grid(3_000.0, 6_000.0, ratio=1.04)
BINS = len(EDGES) - 1
WINDOW = (np.arange(BINS) >= 6) & (np.arange(BINS) < 9)
spectra = st.lists(st.integers(1, 500), min_size=BINS, max_size=BINS).map(lambda c: np.sort(np.array(c, float))[::-1])


@given(spectra)
def test_a_converged_fit_conserves_its_events_and_does_not_see_the_mask(counts):
    design = make_design(EDGES, family="dijet3", masked=WINDOW)
    fits = fit_many(np.stack([counts, counts + 1_000.0 * WINDOW]), design)
    if fits.converged.all():
        assert abs(fits.expected[0, ~WINDOW].sum() - counts[~WINDOW].sum()) < 1e-3 * counts.sum() ** 0.5
        np.testing.assert_allclose(fits.expected[0], fits.expected[1], rtol=1e-3)


@given(spectra, st.integers(1, 300))
def test_more_events_in_the_window_are_more_significant(counts, more):
    counts = np.stack([counts, counts + more * WINDOW])
    low, high = window_sqrt_q0(counts, as_spectrum(counts[0], EDGES, masked=WINDOW), family="dijet3")
    assert np.isnan(low) or np.isnan(high) or high > low - 1e-6


@given(st.floats(0, 1_000), st.floats(0.1, 1_000), st.floats(0.01, 0.5))
def test_limits_grow_with_events_and_cls_is_the_wider(observed, expected, relative):
    error = relative * expected
    first, second = window_limits(np.array([observed, observed + 1.0]), expected, error)
    assert 0 < first <= second + 1e-9
    assert window_limits(observed, expected, error, method="CLs+b") <= first + 1e-6
    model = OnOff.from_background(observed, expected, error)
    with_signal, without = tail_probabilities(model.q_tilde(first), model.asimov().q_tilde(first))
    assert abs(float(with_signal / without) - 0.05) < 1e-4


@given(st.floats(0.1, 8.0), st.integers(0, 1_000), st.floats(0, 50))
def test_a_global_p_value_is_a_probability_not_below_the_local_one(z, exceed, crossings):
    from bumphunt.statistics import p_from_z

    p_value, method, _ = global_p_value(z, p_from_z(z), n_exceed=exceed, n_toys=1_000, upcrossings=crossings)
    assert p_from_z(z) <= p_value <= 1.0
    assert method


@given(st.lists(st.integers(0, 40), min_size=12, max_size=12), st.floats(0.1, 30.0))
def test_the_smallest_p_value_is_that_of_its_window(counts, level):
    places = windows(12, widths=(1, 2, 5))
    smallest, which = smallest_p_values(np.array([counts]), np.full(12, level), places)
    inside = slice(places.first[which[0]], places.last[which[0]])
    assert smallest[0] == 1.0 or sum(counts[inside]) > level * (inside.stop - inside.start)
