"""Expectations from sidebands alone: nothing of the window is looked at, and they are the median of toys."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.expected import blinded, expected_significance, mask_counts
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.spectrum import as_spectrum


@pytest.fixture
def window(edges):
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[8:12] = True
    return masked


def test_counts_of_the_window_are_refused_and_do_not_matter(edges, smooth, window):
    counts = np.random.default_rng(1).poisson(smooth(2e4)).astype(float)
    with pytest.raises(InputError, match="must be NaN"):
        expected_significance(counts, edges, window=window, family="dijet3")
    first = expected_significance(
        mask_counts(counts, window), edges, window=window, n_signal=[50, 100], family="dijet3"
    )
    louder = counts + 1_000 * window
    second = expected_significance(
        mask_counts(louder, window), edges, window=window, n_signal=[50, 100], family="dijet3"
    )
    assert first.to_dict() == second.to_dict()
    assert "blinded" in str(first)


def test_the_median_of_toys_is_what_was_expected(edges, smooth, window):
    inside = 260.0
    promise = expected_significance(
        mask_counts(smooth(2e4), window), edges, window=window, n_signal=[inside], family="dijet3"
    )
    rng = np.random.default_rng(2)
    found = [
        window_significance(as_spectrum(counts, edges, masked=window), family="dijet3").z_local
        for counts in rng.poisson(smooth(2e4) + inside * window / window.sum(), (200, len(edges) - 1)).astype(float)
    ]
    assert np.median(found) == pytest.approx(promise.z[0], abs=0.2)
    assert promise.n_signal_3 < promise.n_signal_5
    again = expected_significance(
        mask_counts(smooth(2e4), window),
        edges,
        window=window,
        n_signal=[promise.n_signal_3, promise.n_signal_5],
        family="dijet3",
    )
    np.testing.assert_allclose(again.z, [3.0, 5.0], rtol=1e-6)
    assert (np.diff(again.limits) > 0).all()


def test_the_old_name_still_works(edges, smooth, window):
    with pytest.warns(DeprecationWarning, match="mask_counts"):
        old = blinded(smooth(1e3), window)
    np.testing.assert_array_equal(old, mask_counts(smooth(1e3), window))
