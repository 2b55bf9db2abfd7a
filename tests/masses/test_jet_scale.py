"""The scale of jet masses from jets of background: what is seen, what of it is used, and what is left alone."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.masses.background_jets import SHIPPED_JETS, background_jets
from bumphunt.masses.checks import assumptions, mass_checks
from bumphunt.masses.constants import BACKGROUND_MJJ, JET_SCALE_MODELLING, MAX_JET_SCALE_PULL
from bumphunt.masses.jet_scale import jet_mass_scale, on_scale, seen_scale
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.mass_estimate import _jet_scale
from bumphunt.results import Interval, MassFit

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared/data/lhco_rnd_first10k_jets.npz"


@pytest.fixture(scope="module")
def shipped():
    """Return mjj, mj1 and mj2 of the shipped background, shape (3, events)."""
    table = pd.read_parquet(ROOT / "data/lhco_rnd.parquet", columns=["mjj", "mj1", "mj2", "label"])
    return table.loc[table["label"] == 0, ["mjj", "mj1", "mj2"]].to_numpy(dtype=float).T


def interval(value, stat, total):
    ends = {"stat_low": value - stat, "stat_high": value + stat}
    return Interval(value=value, low=value - total, high=value + total, **ends)


@pytest.fixture
def fit():
    return MassFit(
        m_resonance=interval(4000.0, 10.0, 50.0),
        m_x=interval(475.0, 3.0, 7.0),
        m_y=interval(190.0, 2.0, 3.0),
        n_selected=interval(100.0, 11.0, 11.0),
        n_signal=interval(300.0, 30.0, 45.0),
        efficiency=0.3,
        efficiency_error=0.03,
        statistical=np.array([10.0, 3.0, 2.0]),
        correlation=np.eye(4),
        projections=(),
        n_events=400,
        p_value=0.5,
        systematic=np.array([0.012, 0.013, 0.012, 0.11]),
    )


def test_the_constants_are_those_of_the_shipped_background(shipped):
    found = background_jets(*shipped, ends=BACKGROUND_MJJ)
    np.testing.assert_allclose(found.heavier, SHIPPED_JETS.heavier, atol=1e-5)
    np.testing.assert_allclose(found.lighter, SHIPPED_JETS.lighter, atol=1e-5)
    # in every part of the range, not on the whole alone
    for low, high in ((2_900.0, 3_300.0), (3_300.0, 4_000.0), (4_000.0, 7_000.0)):
        part = shipped[:, (shipped[0] > low) & (shipped[0] < high)]
        mean, error, _ = SHIPPED_JETS.difference(*part)
        assert abs(mean) < 4 * error + 0.002, low


@pytest.mark.parametrize("factor", [0.95, 1.0, 1.05])
def test_a_scale_of_jet_masses_is_seen_in_background(shipped, factor):
    mjj, mj1, mj2 = shipped[:, :60_000]
    found = jet_mass_scale(mjj, factor * mj1, factor * mj2)
    assert found.log_scale == pytest.approx(np.log(factor), abs=4 * found.statistical)
    assert found.statistical < 0.004
    assert found.error == pytest.approx(JET_SCALE_MODELLING, rel=0.02)
    assert (found.applied == 0.0) == (factor == 1.0)


def test_the_error_is_that_of_samples(shipped):
    rng = np.random.default_rng(1)
    inside = shipped[:, (shipped[0] > 2_900) & (shipped[0] < 7_000)]
    found = [SHIPPED_JETS.difference(*inside[:, rng.choice(inside.shape[1], 2_000, replace=False)]) for _ in range(60)]
    means, errors, _ = np.array(found).T
    assert np.std(means) == pytest.approx(errors.mean(), rel=0.35)


def test_what_is_seen_goes_into_both_daughters_and_their_intervals(fit):
    seen = seen_scale(np.log(0.95), statistical=0.003)
    found = on_scale(fit, seen)
    # true masses of 500 and 200 GeV on a scale that is 5 % low
    for name, true, before in (("m_x", 500.0, fit.m_x), ("m_y", 200.0, fit.m_y)):
        after = getattr(found, name)
        assert not before.low < true < before.high
        assert after.low < true < after.high
        assert before.value < after.value < true
        assert after.stat == pytest.approx(before.stat * after.value / before.value)
        assert after.scale > before.scale
    assert found.m_resonance is fit.m_resonance
    assert found.n_signal is fit.n_signal
    assert found.as_measured == pytest.approx((4000.0, 475.0, 190.0))
    assert found.statistical[1] == pytest.approx(found.m_x.stat)
    np.testing.assert_allclose(found.systematic[[0, 3]], fit.systematic[[0, 3]])
    assert (found.systematic[1:3] > 0.02).all()
    assert MassFit.from_dict(found.to_dict()).as_measured == pytest.approx(found.as_measured)


@pytest.mark.parametrize("log_scale", [0.0, 0.02, -0.027])
def test_within_what_modelling_does_nothing_changes(fit, log_scale):
    found = on_scale(fit, seen_scale(log_scale, statistical=0.002))
    assert (found.m_x, found.m_y) == (fit.m_x, fit.m_y)
    assert found.systematic is fit.systematic


def test_far_off_nothing_is_corrected_and_the_masses_are_not_verified(fit, table):
    def failed(log_scale):
        found = on_scale(fit, seen_scale(log_scale, statistical=0.002))
        checks = mass_checks(found, n_events=40_000, jet_ratio=0.08, table=table)
        return found, [check.name for check in checks if not check.passed]

    inside, outside = (MAX_JET_SCALE_PULL * JET_SCALE_MODELLING * part for part in (0.95, 1.1))
    assert failed(inside)[1] == []
    assert failed(-inside)[1] == []
    found, names = failed(outside)
    assert names == ["jet_mass_scale"]
    assert found.m_x is fit.m_x


def test_a_small_scale_moves_masses_little():
    """What is applied has no step where it begins."""
    just = seen_scale(1.001 * JET_SCALE_MODELLING, statistical=0.0)
    assert 0.0 < just.applied < 1e-4
    assert just.applied_error < 0.05 * JET_SCALE_MODELLING


@pytest.mark.parametrize(
    ("mjj", "number"), [(4_000.0, 300), (1_500.0, 5_000), (12_000.0, 5_000)], ids=["few", "below", "above"]
)
def test_without_comparable_events_nothing_is_said(fit, table, mjj, number):
    assert jet_mass_scale(*(np.full(number, mass) for mass in (mjj, 0.1 * mjj, 0.05 * mjj))) is None
    checks = mass_checks(on_scale(fit, None), n_events=40_000, jet_ratio=0.08, table=table)
    assert "jet_mass_scale" not in {check.name for check in checks}
    assert "not compared" in " ".join(assumptions(fit, table=table))


def test_jets_without_mass_are_no_fault():
    mjj = np.full(2_000, 4_000.0)
    found = jet_mass_scale(mjj, np.zeros(2_000), np.zeros(2_000))
    assert np.isfinite(found.log_scale)
    assert found.pull > MAX_JET_SCALE_PULL


def test_events_of_the_window_do_not_take_part(shipped):
    mjj, mj1, mj2 = (column.copy() for column in shipped[:, :30_000])
    edges = np.linspace(2_900.0, 7_000.0, 42)
    masked = (edges[:-1] >= 3_500.0) & (edges[1:] <= 4_000.0)
    inside = (mjj > 3_500) & (mjj < 4_000)
    mj1[inside], mj2[inside] = 500.0, 400.0
    search = SimpleNamespace(mjj=mjj, edges=edges, daughter_masses=lambda: (mj1, mj2))
    shipped_response = response_named("shipped")
    assert abs(_jet_scale(search, masked, shipped_response).log_scale) < 0.02
    assert abs(_jet_scale(search, np.zeros(41, dtype=bool), shipped_response).log_scale) > 0.05
    # a response of one's own without background says nothing about that of the data
    assert _jet_scale(search, masked, replace(shipped_response, background=None)) is None


def test_too_few_background_events_are_refused(shipped):
    with pytest.raises(InputError, match="too few to compare jet masses"):
        background_jets(*shipped[:, :3_000], ends=BACKGROUND_MJJ)


@pytest.mark.skipif(not REAL.exists(), reason="the development data are not there")
def test_real_background_agrees_with_the_shipped_one():
    with np.load(REAL) as stored:
        masses, chosen = np.sort(stored["mj"], axis=1), stored["label"] == 0
        found = jet_mass_scale(stored["mjj"][chosen], masses[chosen, 1], masses[chosen, 0])
    assert abs(found.log_scale) < 0.02
    assert found.applied == 0.0
