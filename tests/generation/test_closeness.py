import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bumphunt.errors import InputError
from bumphunt.generation.closeness import Closeness, closeness, kolmogorov


def table(seed, n=3000, correlation=0.0, shift=0.0):
    rng = np.random.default_rng(seed)
    points = rng.multivariate_normal([shift, 0], [[1, correlation], [correlation, 1]], size=n)
    return pd.DataFrame(points, columns=["a", "b"])


def test_the_distance_is_that_of_scipy():
    one, two = table(0)["a"], table(1, n=700, shift=0.3)["a"]
    assert kolmogorov(one, two) == pytest.approx(stats.ks_2samp(one, two).statistic)
    assert kolmogorov([1, 1, 2, 2], [1, 2, 2, 2]) == pytest.approx(0.25), "ties"


def test_samples_of_one_kind_are_told_apart_by_chance_only():
    found = [closeness(table(2 * k, n=2000), table(2 * k + 1, n=2000), max_iter=20) for k in range(10)]
    pulls = np.array([(one.auc - 0.5) / one.auc_error for one in found])
    assert abs(pulls.mean()) < 3 / np.sqrt(len(pulls)) + 0.2
    assert np.abs(pulls).max() < 4
    above = np.mean([distance > one.ks_noise for one in found for distance in one.ks])
    assert above < 0.25, "5 % expected"


def test_the_classifier_sees_a_correlation_that_distances_do_not():
    found = closeness(table(0), table(1, correlation=0.9), max_iter=20)
    assert found.auc > 0.7
    assert found.ks.max() < 1.3 * found.ks_noise


def test_a_shifted_variable_is_named():
    found = closeness(table(0), table(1, shift=1.0)[["b", "a"]], max_iter=20)
    assert found.names == ("a", "b")
    assert found.ks[0] == pytest.approx(2 * stats.norm.cdf(0.5) - 1, abs=0.03)
    assert found.auc == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert "(a; chance" in str(found)
    assert Closeness.from_dict(found.to_dict()).to_dict() == found.to_dict()


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="columns differ"):
        closeness(table(0), table(1).rename(columns={"a": "c"}))
    with pytest.raises(InputError, match="20 finite events"):
        closeness(table(0), table(1, n=30))
    with pytest.raises(InputError, match="not finite"):
        closeness(table(0), table(1).assign(a=np.nan))
