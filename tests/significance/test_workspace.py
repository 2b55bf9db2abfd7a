"""The pyhf workspaces: any pyhf user can open them, and their numbers are those of closed forms."""

import json
import warnings

import numpy as np
import pytest
from scipy import optimize, stats

from bumphunt.errors import InputError
from bumphunt.files import write_json
from bumphunt.results import SpectrumFit
from bumphunt.significance.p_values import counting_p_value
from bumphunt.significance.scan import window_significance
from bumphunt.significance.workspace import (
    EVENTS_PER_MU,
    build_counting_workspace,
    build_workspace,
    discovery_p_value,
    resonance_signal,
    upper_limit,
)
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.spectrum.spectrum import as_spectrum
from bumphunt.statistics import z_from_p

EDGES = mass_grid(3_000.0, 5_500.0, ratio=1.04)
BINS = len(EDGES) - 1


def truth(total):
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / SQRT_S
    shape = (1 - x) ** 10 / x**5 * np.diff(EDGES)
    return total * shape / shape.sum()


def fitted(total=20_000, excess=0.0, width=3, first=6):
    masked = np.zeros(BINS, dtype=bool)
    masked[first : first + width] = True
    return fit_spectrum(truth(total) + excess * masked / width, EDGES, family="dijet3", masked=masked)


def one_bin(observed, expected):
    """Return a workspace of a single bin and no nuisance parameter."""
    fit = fitted(width=1)
    plain = SpectrumFit(
        **{
            **{name: getattr(fit, name) for name in SpectrumFit.__dataclass_fields__},
            "counts": np.where(fit.masked, observed, fit.counts),
            "expected": np.where(fit.masked, expected, fit.expected),
        }
    )
    workspace = build_workspace(plain, fit.masked.astype(float), channel="one")
    workspace["channels"][0]["samples"][1]["modifiers"] = []
    return workspace


@pytest.fixture(scope="module")
def pyhf():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import pyhf

        yield pyhf


def test_pyhf_opens_what_is_written(pyhf, tmp_path):
    fit = fitted(excess=300.0)
    signal = resonance_signal(EDGES, mass=4_000.0, width=0.03)
    path = write_json(tmp_path / "workspace.json", build_workspace(fit, signal, channel="mjj"))
    assert list(tmp_path.iterdir()) == [path]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        workspace = pyhf.Workspace(json.loads(path.read_text("utf-8")))
        model = workspace.model()
        data = workspace.data(model)
    np.testing.assert_allclose(data[: model.config.nmaindata], fit.counts[fit.masked])
    # without signal and with nothing pulled, the model is the background of the fit
    quiet = [0.0] * len(model.config.par_names)
    np.testing.assert_allclose(model.expected_data(quiet, include_auxdata=False), fit.expected[fit.masked])
    loud = list(quiet)
    loud[model.config.poi_index] = 2.0
    added = np.asarray(model.expected_data(loud, include_auxdata=False)) - fit.expected[fit.masked]
    np.testing.assert_allclose(added, 2.0 * EVENTS_PER_MU * signal[fit.masked], rtol=1e-6)


def test_eigenvectors_carry_the_whole_error_of_the_fit():
    fit = fitted(total=3_000)
    background = build_workspace(fit, fit.masked.astype(float), channel="mjj")["channels"][0]["samples"][1]
    shifts = [np.array(part["data"]["hi_data"]) - background["data"] for part in background["modifiers"]]
    assert np.sqrt(np.sum([shift**2 for shift in shifts], axis=0)) == pytest.approx(fit.error[fit.masked], rel=0.03)
    assert np.sqrt(sum(shift.sum() ** 2 for shift in shifts)) == pytest.approx(fit.window_error, rel=0.03)


@pytest.mark.parametrize(("observed", "expected"), [(130.0, 100.0), (9.0, 3.0), (1_100.0, 1_000.0)])
def test_q0_of_one_bin_is_the_closed_form(observed, expected):
    # arXiv:1007.1727 eq. 12 with b known: q0 = 2 (n ln(n/b) - (n - b)), Z = sqrt(q0)
    z = np.sqrt(2.0 * (observed * np.log(observed / expected) - (observed - expected)))
    p_value, best = discovery_p_value(one_bin(observed, expected))
    assert z_from_p(p_value) == pytest.approx(z, abs=2e-3)
    assert best == pytest.approx(observed - expected, rel=2e-3)


def test_a_deficit_is_no_discovery():
    p_value, best = discovery_p_value(one_bin(80.0, 100.0))
    assert p_value == pytest.approx(0.5, abs=0.01)
    assert best == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("sigmas", [2.0, 3.5, 5.0])
def test_the_profile_likelihood_and_the_count_agree_in_one_bin(sigmas):
    quiet = fitted(width=1)
    excess = sigmas * np.hypot(np.sqrt(quiet.window_expected), quiet.window_error)
    fit = fitted(width=1, excess=excess)
    counted = z_from_p(counting_p_value(float(fit.counts[fit.masked].sum()), fit.window_expected, fit.window_error))
    profiled = z_from_p(discovery_p_value(build_workspace(fit, fit.masked.astype(float), channel="one"))[0])
    assert profiled == pytest.approx(counted, rel=0.05)


def asymptotic_cls(mu, observed, expected):
    """Return the asymptotic CLs of one bin, q-tilde, from its closed-form likelihood (arXiv:1007.1727, section 3.6)."""

    def nll(signal, n):
        return (signal + expected) - n * np.log(signal + expected)

    def q(n):
        best = max(n - expected, 0.0)
        return 2.0 * (nll(mu, n) - nll(best, n)) if best < mu else 0.0

    seen, asimov = max(q(observed), 0.0), q(expected)
    root, sigma = np.sqrt(seen), np.sqrt(asimov)
    if seen <= asimov:
        return stats.norm.sf(root) / stats.norm.sf(root - sigma)
    return stats.norm.sf((seen + asimov) / (2 * sigma)) / stats.norm.sf((seen - asimov) / (2 * sigma))


@pytest.mark.parametrize(
    ("observed", "expected"), [(100.0, 100.0), (120.0, 100.0), (88.0, 100.0), (4.0, 4.0), (12.0, 5.0)]
)
def test_the_upper_limit_is_where_cls_is_five_percent(observed, expected):
    limit = upper_limit(one_bin(observed, expected), mass=4_000.0, width=0.03)
    brute = optimize.brentq(lambda mu: asymptotic_cls(mu, observed, expected) - 0.05, 0.5, 500.0)
    assert limit.n_signal_95 == pytest.approx(brute, rel=0.01)
    median = optimize.brentq(lambda mu: asymptotic_cls(mu, expected, expected) - 0.05, 0.5, 500.0)
    assert limit.expected[2] == pytest.approx(median, rel=0.01)
    assert (np.diff(limit.expected) > 0).all()
    assert (limit.mass, limit.width) == (4_000.0, pytest.approx(120.0))


def test_the_limit_of_many_events_is_that_of_toys():
    # CLs by counting: P(n <= obs | s + b) / P(n <= obs | b), arXiv:hep-ex/9902006
    observed, expected = 400, 400.0

    def cls(signal):
        return stats.poisson.cdf(observed, signal + expected) / stats.poisson.cdf(observed, expected)

    exact = optimize.brentq(lambda signal: cls(signal) - 0.05, 1, 200)
    assert upper_limit(one_bin(float(observed), expected), mass=4e3, width=0.03).n_signal_95 == pytest.approx(
        exact, rel=0.05
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("total", "excess", "error"), [(20_000, 150.0, 0.2), (500, 0.0, 0.0), (30, 8.0, 0.2)])
def test_the_limit_its_band_and_q0_are_those_of_pyhf_with_fits_of_its_own(pyhf, total, excess, error):
    counts = np.random.default_rng(4).poisson(truth(total)).astype(float)
    masked = np.arange(BINS) // 3 == 2
    fit = fit_spectrum(counts + excess * masked / 3, EDGES, family="dijet3", masked=masked)
    signal = resonance_signal(EDGES, mass=3_900.0, width=0.03)
    workspace = build_workspace(fit, signal, channel="mjj", efficiency_error=error)
    found = upper_limit(workspace, mass=3_900.0, width=0.03)
    opened = pyhf.Workspace(workspace)
    model = opened.model()
    data, high = opened.data(model), model.config.suggested_bounds()[model.config.poi_index][1]
    slow = pyhf.infer.intervals.upper_limits.toms748_scan(data, model, 0.002 * high, high, rtol=1e-5)
    assert found.n_signal_95 == pytest.approx(float(slow[0]) * EVENTS_PER_MU, rel=1e-3)
    np.testing.assert_allclose(found.expected, np.array(slow[1], dtype=float) * EVENTS_PER_MU, rtol=1e-3)
    assert found.q0_p_value == pytest.approx(float(pyhf.infer.hypotest(0.0, data, model, test_stat="q0")), abs=1e-3)


def test_limits_grow_with_the_excess_and_with_ignorance():
    signal = resonance_signal(EDGES, mass=float(0.5 * (EDGES[6] + EDGES[9])), width=0.03)
    limits = [
        upper_limit(build_workspace(fitted(excess=excess), signal, channel="mjj"), mass=4e3, width=0.03)
        for excess in (-60.0, 0.0, 60.0, 150.0)
    ]
    values = [limit.n_signal_95 for limit in limits]
    assert values == sorted(values)
    assert values[3] > 1.5 * values[1]
    # what is expected without signal does not know of the excess
    for limit in limits:
        assert limit.expected[2] == pytest.approx(limits[1].expected[2], rel=0.1)
    stripped = build_workspace(fitted(), signal, channel="mjj")
    stripped["channels"][0]["samples"][1]["modifiers"] = []
    assert upper_limit(stripped, mass=4e3, width=0.03).n_signal_95 < values[1]


def test_a_limit_lies_above_the_best_fit_and_counts_the_signal_outside_the_window_too():
    signal = resonance_signal(EDGES, mass=4_000.0, width=0.03)
    fit = fitted(excess=200.0)
    limit = upper_limit(build_workspace(fit, signal, channel="mjj"), mass=4_000.0, width=0.03)
    assert limit.n_signal_95 > limit.best_fit > 100
    halved = upper_limit(build_workspace(fit, 0.5 * signal, channel="mjj"), mass=4_000.0, width=0.03)
    assert halved.n_signal_95 == pytest.approx(2 * limit.n_signal_95, rel=0.02)


def test_a_fit_without_a_window_has_nothing_to_test():
    with pytest.raises(InputError, match=r"no (masked )?window"):
        build_workspace(fit_spectrum(truth(2_000), EDGES, family="dijet3"), np.ones(BINS), channel="mjj")


@pytest.mark.parametrize("observed", [0.0, 1.0, 3.0])
def test_few_events_have_a_limit_too(observed):
    limit = upper_limit(one_bin(observed, 1.5), mass=4e3, width=0.03)
    assert np.isfinite(limit.n_signal_95)
    assert limit.n_signal_95 > observed - 1.5
    assert 0 <= limit.q0_p_value <= 0.51


def test_a_window_without_a_fit_still_makes_a_workspace():
    found = window_significance(
        as_spectrum(
            np.array([0.0, 0.0, 40.0, 0.0, 0.0]),
            np.array([3_000.0, 3_200.0, 3_400.0, 3_700.0, 4_000.0, 4_300.0]),
            masked=np.array([False, False, True, False, False]),
        ),
        family="dijet3",
        inclusive=np.array([4_000.0, 3_000.0, 2_500.0, 1_500.0, 1_000.0]),
    )
    assert found.fit is None
    assert not found.note
    # 40 on none, with 9500 events outside for 2500 inside: (1 / (1 + tau))**40
    assert found.p_local == pytest.approx((2_500 / 12_000) ** 40, rel=1e-9)
    workspace = build_counting_workspace(found, 0.9, channel="mjj_selected")
    p_value, best = discovery_p_value(workspace)
    assert p_value < 1e-6
    assert best == pytest.approx(40 / 0.9, rel=0.1)


def test_a_million_events_have_a_limit():
    """Near zero signal the likelihoods of so many events differ by less than their rounding, and CLs is no number."""
    background = np.array([42_029.2, 37_805.6, 33_767.6, 29_949.6])
    shifts = np.array([[-181.3, -173.3, -153.3, -127.0], [-28.4, -9.3, 7.6, 21.4], [-3.1, 2.7, 2.1, -2.0]])
    systematics = [
        {
            "name": f"eigen_{n}",
            "type": "histosys",
            "data": {"hi_data": list(background + d), "lo_data": list(background - d)},
        }
        for n, d in enumerate(shifts)
    ]
    workspace = {
        "channels": [
            {
                "name": "mjj",
                "samples": [
                    {
                        "name": "signal",
                        "data": [14.1, 26.5, 25.5, 11.7],
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                    },
                    {"name": "background", "data": list(background), "modifiers": systematics},
                ],
            }
        ],
        "observations": [{"name": "mjj", "data": [42_686.0, 37_796.0, 33_853.0, 30_274.0]}],
        "measurements": [
            {
                "name": "search",
                "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, 137.0]], "inits": [1.0]}]},
            }
        ],
        "version": "1.0.0",
    }
    found = upper_limit(workspace, mass=3_494.0, width=0.033)
    assert found.expected[2] == pytest.approx(1_300.0, rel=0.3)
    assert np.all(np.diff(found.expected) > 0)
