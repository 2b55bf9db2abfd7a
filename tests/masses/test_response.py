"""The detector's response: what is shipped makes sense, and a fit finds the shapes that events were drawn from."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.response import JET_GRID, between, jet_response, local_weights, signal_model
from bumphunt.masses.signal_table import COLUMNS, SUBSTRUCTURE, load_signal, load_three_prongs, pack_signal, table_from

MASSES = (3_500.0, 500.0, 100.0)


def test_what_is_shipped_is_sound(table, varied):
    assert len(table) >= 200
    assert len(varied) >= 10
    assert (table.masses[:, 1] >= table.masses[:, 2]).all()
    assert table.masses[:, 0].min() < 3_000
    assert table.masses[:, 0].max() > 8_500
    assert (4 * table.masses[:, 1] / table.masses[:, 0]).max() > 0.95, "openings up to about one"
    # daughters that no jet holds hardly pass the trigger
    heavy = table.masses[:, 1] > 0.265 * table.masses[:, 0]
    assert ((table.accepted[~heavy] > 0.3) & (table.accepted[~heavy] <= 1)).all()
    assert (table.accepted > 0.05).all()
    for one in (table, varied):
        assert np.isfinite(one.log_jet).all()
        assert np.isfinite(one.substructure).all()
        assert np.abs(one.core).max() < 0.08
    known = {tuple(point) for point in table.masses}
    assert all(tuple(point) in known for point in varied.masses), "compared point by point"


def test_three_prongs_differ_from_two_in_tau21_not_in_mass(table):
    two, three = (signal_model(one, (4_000.0, 500.0, 200.0)) for one in (table, load_three_prongs()))
    assert three.heavy.shape.mode == pytest.approx(two.heavy.shape.mode, abs=0.01)
    logs = [np.log(np.clip(model.pool.substructure[0][:, 0], 1e-3, 1.0)) for model in (two, three)]
    assert np.average(logs[1], weights=three.pool.weight) - np.average(logs[0], weights=two.pool.weight) > 0.4


def test_light_jets_lie_above_their_particle_and_heavy_ones_leak(table):
    light, middle, heavy = (jet_response(table, mass, 3_500.0) for mass in (100.0, 400.0, 720.0))
    assert light.shape.mode > middle.shape.mode > -0.02
    lost = [float(jet.shape.below(-0.3)) for jet in (light, middle, heavy)]
    assert lost[0] < 0.05
    assert lost[1] < 0.1
    assert lost[2] > 0.25


def test_a_jet_that_loses_part_of_its_decay_pulls_mjj_down(table):
    pull = jet_response(table, 700.0, 3_800.0).pull_at(np.array([-1.0, -0.1, 0.0, 0.1]))
    assert pull[0] < -0.05
    assert (np.diff(pull) > 0).all()


@pytest.mark.parametrize("masses", [MASSES, (4_000.0, 300.0, 300.0), (3_823.0, 732.0, 378.0)])
def test_the_density_is_that_of_its_draws(table, masses):
    model = signal_model(table, masses)
    rng = np.random.default_rng(1)
    draws = draw_signal(model, 20_000, rng=rng)
    drawn = np.log(np.stack([masses[0] * np.exp(draws.log_resonance), *draws.jet_masses(masses)]).T / masses)
    low, high = np.array([-0.08, -0.15, -0.15]), np.array([0.08, 0.2, 0.3])
    points = low + rng.random((60_000, 3)) * (high - low)
    logs = points + np.log(masses)
    density = model.density(tuple(logs.T), masses=masses) * (logs[:, 1] >= logs[:, 2])
    inside = ((drawn > low) & (drawn < high)).all(axis=1).mean()
    assert density.mean() * np.prod(high - low) == pytest.approx(inside, rel=0.05)


def test_which_daughter_is_named_first_does_not_matter(table):
    logs = tuple(np.log(np.array([[3_450.0, 3_500.0], [480.0, 520.0], [110.0, 95.0]])))
    one = signal_model(table, MASSES).density(logs, masses=MASSES)
    other = (MASSES[0], MASSES[2], MASSES[1])
    np.testing.assert_allclose(signal_model(table, other).density(logs, masses=other), one, rtol=1e-6)


def test_draws_are_an_event_table(table):
    draws = draw_signal(signal_model(table, MASSES), 500, rng=np.random.default_rng(0))
    events = draws.table(MASSES)
    assert (events["mj1"] >= events["mj2"]).all()
    assert set(events.columns) == {"mjj", "mj1", "mj2", *(f"{name}_{jet}" for name in SUBSTRUCTURE for jet in (1, 2))}
    assert events["tau21_1"].between(0, 1.5).all()
    # the heavier jet is two-pronged more clearly
    assert events["tau21_1"].median() < events["tau21_2"].median()


def test_a_sharper_detector_has_less_of_a_jets_offset(table):
    model = signal_model(table, MASSES)
    light = model.light.shape
    assert light.mode > 0.015
    assert light.peak(0.5) == pytest.approx(0.5 * light.mode)
    assert light.peak(1.0) == light.mode
    # density and draws go together
    grid = np.linspace(-0.3, 0.3, 6001)
    density = np.exp(light.widened(grid, 0.5))
    assert grid[density.argmax()] == pytest.approx(0.5 * light.mode, abs=0.01)
    drawn = draw_signal(model, 20_000, rng=np.random.default_rng(0)).widened(model, 0.5).light
    core = np.abs(drawn) < 0.3
    assert np.mean(drawn[core]) == pytest.approx(np.average(grid, weights=density), abs=0.006)


def test_weights_reproduce_what_is_linear():
    rng = np.random.default_rng(3)
    offsets = rng.uniform(-1, 1, (200, 2)) + np.array([0.2, -0.1])
    weights = local_weights(offsets, (0.5, 0.5))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert weights @ (3.0 * offsets[:, 0] - offsets[:, 1]) == pytest.approx(0.0, abs=0.02)


def test_interpolation_is_numpys():
    values = np.sin(JET_GRID)
    x = np.random.default_rng(0).uniform(-6, 5, 1000)
    np.testing.assert_allclose(between(x, JET_GRID, values), np.interp(x, JET_GRID, values), atol=1e-5)


def test_what_is_packed_comes_back(tmp_path):
    rng = np.random.default_rng(2)
    events = rng.uniform(0.2, 0.9, (50, len(COLUMNS)))
    events[:, 0] = rng.normal(3_500, 100, 50)
    events[:, 1:3] = np.sort(rng.uniform(80, 600, (50, 2)), axis=1)[:, ::-1]
    events[:, -1] = rng.integers(0, 2, 50)
    file = pack_signal(
        tmp_path / "signal.npz",
        {("nominal", MASSES): (events, 0.8), ("varied", MASSES): (events, 0.7)},
        events=40,
        made_by="a test",
    )
    with np.load(file) as stored:
        back = table_from(stored, varied=True)
    assert back.masses.tolist() == [list(MASSES)]
    assert back.accepted.tolist() == [0.7]
    swapped = events[:40, -1] == 1
    jet_of_x = np.where(swapped, events[:40, 2], events[:40, 1])
    np.testing.assert_allclose(MASSES[1] * np.exp(back.log_jet[0, 0]), jet_of_x, rtol=2e-3)
    jet_of_y = np.where(swapped, events[:40, 1], events[:40, 2])
    np.testing.assert_allclose(MASSES[2] * np.exp(back.log_jet[0, 1]), jet_of_y, rtol=2e-3)
    np.testing.assert_allclose(MASSES[0] * np.exp(back.log_resonance[0]), events[:40, 0], rtol=2e-3)
    tau21_of_y = np.where(swapped, events[:40, COLUMNS.index("tau21_1")], events[:40, COLUMNS.index("tau21_2")])
    np.testing.assert_allclose(back.substructure[0, 1, :, 0], tau21_of_y, rtol=2e-3)


def test_the_shipped_files_are_small():
    from importlib.resources import files

    shipped = [file for file in files("bumphunt.masses").iterdir() if file.name.endswith(".npz")]
    assert len(shipped) == 3
    assert sum(file.stat().st_size for file in shipped) < 12_000_000
    assert load_signal() is load_signal(), "read once"


def test_a_spread_that_bends_with_the_daughters_is_not_smeared(table):
    # mjj spreads as on a parabola about the masses asked for; read off too far away it comes out too wide
    masses = (4_100.0, 500.0, 200.0)
    away = np.sqrt(table.masses[:, 1:] / table.masses[:, :1]) - np.sqrt(np.array(masses[1:]) / masses[0])
    spread = 0.03 * (1.0 + 60.0 * (away**2).sum(axis=1))
    drawn = np.random.default_rng(3).normal(0.0, 1.0, table.log_resonance.shape) * spread[:, None]
    pool = signal_model(replace(table, log_resonance=drawn, core=np.zeros(len(table))), masses).pool
    found = float(
        np.sqrt(np.average((pool.residual - np.average(pool.residual, weights=pool.weight)) ** 2, weights=pool.weight))
    )
    assert found == pytest.approx(0.03, rel=0.045)
