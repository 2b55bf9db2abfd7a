"""The hard processes, in the event record: what decays to what, how, and with which line shapes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import kstest, mannwhitneyu

from bumphunt.cli import main
from bumphunt.errors import InputError
from bumphunt.events import LABEL
from bumphunt.features.dijets import dijet_table
from bumphunt.rng import integer_seed
from bumphunt.simulation import samples
from bumphunt.simulation.blocks import trigger
from bumphunt.simulation.detector import DetectorResponse, reconstruct
from bumphunt.simulation.pythia import _phase_space, _resonance, check_request, generator, next_particles
from bumphunt.simulation.request import Sample

pythia8mc = pytest.importorskip("pythia8mc", reason="the extra 'simulation' is not installed")

MASSES = (3500.0, 500.0, 100.0)
HARD_ONLY = ("PartonLevel:all = off",)


def four(vector):
    return np.array([vector.e(), vector.px(), vector.py(), vector.pz()])


def at_rest(momentum, frame):
    """Direction of one four-momentum seen from another's rest frame."""
    mass = np.sqrt(frame[0] ** 2 - (frame[1:] ** 2).sum())
    along = frame[1:] @ momentum[1:]
    boosted = momentum[1:] + frame[1:] * (along / (frame[0] + mass) - momentum[0]) / mass
    return boosted / np.linalg.norm(boosted)


def decays(pythia, number):
    """Masses of Z', X, Y; quark codes of X and Y; cosines of X in Z' and of a quark in X; least pair mass in X."""
    masses, quarks, angles, pairs = [], [], [], []
    for _ in range(number):
        assert pythia.next()
        record = pythia.process
        z, x, y = (record[i] for i in (5, 6, 7))
        if not x.charge():  # Pythia lists either first
            x, y = y, x
        products = [[record[i] for i in range(m.daughter1(), m.daughter2() + 1)] for m in (x, y)]
        masses.append((z.m(), x.m(), y.m()))
        quarks.append([sorted(q.id() for q in daughter) for daughter in products])
        in_z = at_rest(four(x.p()), four(z.p()))
        momenta = [four(q.p()) for q in products[0]]
        angles.append((in_z[2], at_rest(momenta[0], four(x.p())) @ in_z))
        pair = momenta[0] + momenta[1]
        pairs.append((pair[0] ** 2 - (pair[1:] ** 2).sum()) / x.m() ** 2)
    return np.array(masses), quarks, np.array(angles), np.array(pairs)


@pytest.fixture(scope="module")
def three():
    return decays(generator(masses=MASSES, prongs=3, seed=3, shower=HARD_ONLY), 2000)


@pytest.fixture(scope="module")
def two():
    return decays(generator(masses=MASSES, seed=3, shower=HARD_ONLY), 2000)


def test_default_settings_are_those_that_made_the_samples():
    lines = {
        34: (3500.0, 52.5, 2450.0, 4550.0),
        24: (500.0, 15.0, 200.0, 800.0),
        23: (100.0, 3.0, 40.0, 160.0),
    }
    expected = ["NewGaugeBoson:ffbar2Wprime = on", "Wprime:coup2WZ = 1", "34:onMode = off", "34:onIfAll = 24 23"]
    for code, (mass, width, low, high) in lines.items():
        expected += [f"{code}:m0 = {mass}", f"{code}:doForceWidth = on", f"{code}:mWidth = {width}"]
        expected += [f"{code}:mMin = {low}", f"{code}:mMax = {high}"]
    for code in (24, 23):
        expected += [f"{code}:onMode = off", f"{code}:onIfAny = 1 2 3 4", f"{code}:offIfAny = 5 6"]
    assert _resonance(MASSES, prongs=2, widths=None) == expected


def test_three_prongs_are_three_light_quarks_that_keep_charge_and_baryon_number(three):
    _, quarks, _, _ = three
    kinds = {(tuple(x), tuple(y)) for x, y in quarks}
    assert kinds == {((1, 2, 2), (-3, -2, -1)), ((-2, -2, -1), (1, 2, 3))}


def test_two_prongs_are_light_quarks(two):
    _, quarks, _, _ = two
    assert {len(daughter) for pair in quarks for daughter in pair} == {2}
    assert {abs(q) for pair in quarks for daughter in pair for q in daughter} == {1, 2, 3, 4}


def test_three_prongs_fill_phase_space_evenly(three):
    _, _, angles, pairs = three
    assert kstest(angles[:, 0], "uniform", args=(-1, 2)).pvalue > 1e-3
    assert kstest(angles[:, 1], "uniform", args=(-1, 2)).pvalue > 1e-3
    # Massless three-body phase space: the squared pair mass m12^2 is distributed as 1 - m12^2/M^2.
    assert kstest(pairs, lambda s: 1 - (1 - s) ** 2).pvalue > 1e-3


def test_two_prongs_have_the_angles_of_vector_bosons(two):
    _, _, angles, _ = two
    longitudinal = lambda c: (2 + 3 * c - c**3) / 4  # noqa: E731  the integral of 3/4 (1 - c^2)
    assert kstest(angles[:, 0], "uniform", args=(-1, 2)).pvalue < 1e-6
    assert kstest(angles[:, 0], longitudinal).statistic < 0.05
    assert kstest(angles[:, 1], longitudinal).statistic < 0.06


def test_isotropic_twin_of_two_prongs():
    settings = _phase_space(MASSES, (0.01, 0.015, 0.01), x_quarks=("2 -1",), y_quarks=("2 -2", "1 -1"))
    pythia = generator(masses=None, seed=5, shower=("HardQCD:all = off", *HARD_ONLY, *settings))
    _, quarks, angles, _ = decays(pythia, 1500)
    assert {tuple(x) for x, _ in quarks} == {(-1, 2), (-2, 1)}
    assert {tuple(y) for _, y in quarks} == {(-2, 2), (-1, 1)}
    assert kstest(angles[:, 0], "uniform", args=(-1, 2)).pvalue > 1e-3
    assert kstest(angles[:, 1], "uniform", args=(-1, 2)).pvalue > 1e-3


@pytest.mark.parametrize("prongs", [2, 3])
@pytest.mark.parametrize("widths", [(0.05, 0.05, 0.05), (0.01, 0.1, 0.004)])
def test_widths_are_those_asked_for(prongs, widths):
    """The quartiles of a Breit-Wigner lie half a width from its peak."""
    masses = (4000.0, 500.0, 300.0)
    made, _, _, _ = decays(generator(masses=masses, prongs=prongs, widths=widths, seed=8, shower=HARD_ONLY), 3000)
    relative = made / masses
    low, middle, high = np.percentile(relative, [25, 50, 75], axis=0)
    np.testing.assert_allclose((high - low)[1:], widths[1:], rtol=0.12)
    np.testing.assert_allclose(middle[1:], 1, atol=0.012)
    # Parton densities pull a broad Z' down, by far less than its width.
    assert high[0] - low[0] == pytest.approx(widths[0], rel=0.25)
    assert 1 - 0.4 * widths[0] < middle[0] < 1 + 0.05 * widths[0]
    np.testing.assert_array_less(abs(relative - 1).max(axis=0), [0.2001, 0.6001, 0.6001])


def test_three_prongs_default_widths_follow_those_of_two(two, three):
    for column in (0, 1, 2):
        narrow, other = (np.subtract(*np.percentile(made[0][:, column], [75, 25])) for made in (two, three))
        assert other == pytest.approx(narrow, rel=0.3), column


@pytest.mark.parametrize("prongs", [2, 3])
@pytest.mark.parametrize("masses", [(3500.0, 100.0, 500.0), (2500.0, 25.0, 20.0), (8000.0, 400.0, 400.0)])
def test_any_masses(masses, prongs):
    made, _, _, _ = decays(generator(masses=masses, prongs=prongs, seed=8), 40)
    np.testing.assert_allclose(np.median(made, axis=0), masses, rtol=0.02)


def test_jets_have_three_prongs():
    tables = {}
    for prongs in (2, 3):
        source = generator(masses=(3500.0, 500.0, 480.0), prongs=prongs, seed=2)
        particles = next_particles(source, 400)
        assert len(particles) == 400, "an event failed"
        seen = reconstruct(particles, response=DetectorResponse(), rng=np.random.default_rng(1))
        tables[prongs] = dijet_table(trigger(seen)[1], kinematics=True)
    for jet in ("1", "2"):
        sharper = mannwhitneyu(tables[3][f"tau32_{jet}"], tables[2][f"tau32_{jet}"], alternative="less")
        wider = mannwhitneyu(tables[3][f"tau21_{jet}"], tables[2][f"tau21_{jet}"], alternative="greater")
        assert max(sharper.pvalue, wider.pvalue) < 1e-4, jet
    assert tables[3]["mj1"].median() == pytest.approx(505, rel=0.04)
    assert tables[3]["mjj"].median() == pytest.approx(3500, rel=0.02)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"prongs": 1}, "use 2 or 3"),
        ({"widths": (0.01, 0.02)}, "three fractions"),
        ({"widths": (0.01, 0.02, 0.31)}, "up to 0.3"),
        ({"widths": (-0.01, 0.02, 0.1)}, "no peak"),
        ({"masses": (2000.0, 500.0, 100.0)}, "passes the trigger"),
        ({"masses": (3.5, 0.5, 0.1)}, "looks like TeV"),
        ({"masses": (10500.0, 500.0, 100.0)}, "too near the beams"),
        ({"masses": (3500.0, 19.0, 100.0)}, "at least 20"),
        ({"masses": (3500.0, 2000.0, 1500.0)}, "cannot be"),
        ({"masses": (3500.0, 1700.0, 1650.0)}, "threshold"),
    ],
)
def test_requests_that_cannot_be(request_, message):
    with pytest.raises(InputError, match=message):
        check_request(**{"masses": MASSES, "prongs": 2, **request_})


def test_widths_identify_a_request_and_reach_pythia(tmp_path, monkeypatch):
    asked = []
    genuine = samples.make_block

    def stop(block):
        asked.append(block.widths)
        raise KeyboardInterrupt

    monkeypatch.setattr(samples, "make_block", stop)
    output = tmp_path / "sample.parquet"
    common = Sample(signal=3, masses=MASSES, prongs=3)
    asked_widths = replace(common, widths=(0.02, 0.02, 0.02))
    with pytest.raises(KeyboardInterrupt):
        samples.simulate_sample(output, asked_widths, seed=1)
    assert asked == [(0.02, 0.02, 0.02)]
    for other in (common, replace(common, widths=(0.02, 0.02, 0.03))):
        with pytest.raises(InputError, match="another request"):
            samples.simulate_sample(output, other, seed=1)
    monkeypatch.setattr(samples, "make_block", genuine)
    samples.simulate_sample(output, asked_widths, seed=1)
    assert output.exists()


def test_command_makes_three_prongs_of_any_width(tmp_path):
    import pandas as pd
    import pyarrow.parquet as pq

    output = tmp_path / "box.parquet"
    words = ["simulate", "--output", str(output), "--background", "1", "--signal", "4", "--masses", "3500", "500"]
    words += ["480", "--prongs", "3", "--widths", "0.02", "0.03", "0.04"]
    outcome = CliRunner().invoke(main, words)
    assert outcome.exit_code == 0, outcome.output
    assert pd.read_parquet(output)[LABEL].sum() == 4
    request = json.loads(pq.read_schema(output).metadata[b"simulation"])
    assert (request["prongs"], request["widths"]) == (3, [0.02, 0.03, 0.04])
    outcome = CliRunner().invoke(main, [*words[:-1], "0.4"])
    assert outcome.exit_code == 2
    assert "up to 0.3" in outcome.output
    assert outcome.output.count("\n") == 1


def test_seed_of_a_block_gives_its_events():
    seed = integer_seed(1, "pythia", "signal", 0)
    first, second = (next_particles(generator(masses=MASSES, prongs=3, seed=seed), 5) for _ in range(2))
    assert first.px.tolist() == second.px.tolist()
