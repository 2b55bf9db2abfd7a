"""A response of one's own: what is read off the tables, how well points predict one another, what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.jet_scale import jet_mass_scale
from bumphunt.masses.leave_one_out import leave_one_out
from bumphunt.masses.own_signal import jets_exchanged, masses_in_name, response_content, signal_points
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.masses.signal_table import table_from

POINTS = [
    (m_resonance, x * m_resonance, y * m_resonance)
    for m_resonance in (3_200.0, 3_600.0, 4_000.0)
    for x, y in ((0.10, 0.05), (0.14, 0.04), (0.18, 0.09))
]


@pytest.fixture(scope="module")
def samples(table):
    """Events of nine points, drawn from the shipped response with jet masses five percent higher."""
    found = {}
    for number, masses in enumerate(POINTS):
        draws = draw_signal(signal_model(table, masses), 900, rng=np.random.default_rng(number))
        events = draws.table(masses)
        events[["mj1", "mj2"]] *= 1.05
        found[masses] = events
    return found


def test_a_response_of_another_detector_says_where_its_jets_lie(samples, table):
    content, found = response_content(samples, made_by="a test")
    own = table_from(content, varied=False)
    assert own.observables == ("tau21", "tau32", "massdrop")
    masses = (3_600.0, 430.0, 170.0)
    shift = [
        one.shape.mode - other.shape.mode
        for one, other in zip(
            (signal_model(own, masses).heavy, signal_model(own, masses).light),
            (signal_model(table, masses).heavy, signal_model(table, masses).light),
            strict=True,
        )
    ]
    assert shift == pytest.approx([np.log(1.05)] * 2, abs=0.02)
    assert (np.abs(found.differences[found.inner > 0, :3]) < 0.03).all()
    assert json.loads(str(content["leave_one_out"]))["errors"] == found.errors.tolist()
    assert "leave-one-out" in str(found)


def test_leaving_one_out_sees_a_point_that_does_not_belong(samples):
    content, _ = response_content(samples)
    own = table_from(content, varied=False)
    own.log_resonance[4] += 0.03
    assert leave_one_out(own).differences[4, 0] < -0.02


def test_jets_are_paired_with_particles_as_the_simulation_knows_them(table):
    wrong = []
    for masses, ratios in zip(table.masses[::8], table.log_jet[::8], strict=True):
        if masses[1] < 1.3 * masses[2]:
            continue
        jets = masses[1:, None] * np.exp(ratios)
        found = jets_exchanged(jets.max(axis=0), jets.min(axis=0), tuple(masses))
        wrong.append((found != (jets[1] > jets[0])).mean())
    assert np.median(wrong) < 0.07
    straight = np.mean(
        [(m[2] * np.exp(r[1]) > m[1] * np.exp(r[0])).mean() for m, r in zip(table.masses, table.log_jet, strict=True)]
    )
    assert np.mean(wrong) < 0.6 * straight


@pytest.mark.parametrize(
    ("name", "masses"),
    [
        ("a/b/signal_3500_500_100.parquet", (3_500.0, 500.0, 100.0)),
        ("2018_mZ4000_mX800_mY300.h5", (4_000.0, 800.0, 300.0)),
        ("run-3500.5-500-100.csv", (3_500.5, 500.0, 100.0)),
        ("signal_100_500_3500.parquet", None),
        ("signal.parquet", None),
    ],
)
def test_masses_in_a_name(name, masses):
    assert masses_in_name(name) == masses


def test_masses_in_columns_make_points_the_heavier_daughter_first(samples):
    rows = samples[POINTS[0]]
    both = pd.concat(
        [
            rows.assign(m_resonance=3_200.0, m_x=160.0, m_y=320.0),
            rows.assign(m_resonance=3_300.0, m_x=330.0, m_y=160.0),
        ]
    )
    assert list(signal_points(both, name="signal.parquet")) == [(3_200.0, 320.0, 160.0), (3_300.0, 330.0, 160.0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows, "no column 'm_resonance', and its name no three numbers"),
        (lambda rows: rows.assign(m_resonance=3.2, m_x=0.32, m_y=0.16), "give both in GeV"),
        (lambda rows: rows.assign(m_resonance=3_200.0, m_x=3_000.0, m_y=500.0), "cannot be"),
        (lambda rows: rows.assign(m_resonance=np.nan, m_x=320.0, m_y=160.0).fillna({"m_resonance": np.inf}), "cannot"),
        (lambda rows: rows.assign(m_resonance=rows["mjj"], m_x=320.0, m_y=160.0), "different true masses"),
        (lambda rows: rows.assign(m_resonance=3_200.0, m_x=320.0, m_y=160.0, label=0), "background"),
    ],
)
def test_signal_without_usable_masses_is_refused(samples, change, message):
    with pytest.raises(InputError, match=message):
        signal_points(change(samples[POINTS[0]]), name="signal.parquet")


def test_too_little_signal_is_refused(samples):
    with pytest.raises(InputError, match="5 points"):
        response_content(dict(list(samples.items())[:5]))
    with pytest.raises(InputError, match="50 events"):
        response_content({**samples, POINTS[0]: samples[POINTS[0]].head(50)})
    with pytest.raises(InputError, match="no nominal counterpart"):
        response_content(samples, {(3_000.0, 300.0, 100.0): samples[POINTS[0]]})
    with pytest.raises(InputError, match="n_generated"):
        response_content({**samples, POINTS[0]: samples[POINTS[0]].assign(n_generated=10)})


def test_a_file_that_is_no_response_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        response_named(str(tmp_path / "none.npz"))
    for number, content in enumerate((b"", b"PK\x03\x04 nothing")):
        file = tmp_path / f"{number}.npz"
        file.write_bytes(content)
        with pytest.raises(InputError, match="is no response"):
            response_named(str(file))
    np.savez(tmp_path / "other.npz", masses=np.ones((3, 3)))
    with pytest.raises(InputError, match="is no response"):
        response_named(str(tmp_path / "other.npz"))


def test_background_of_ones_own_is_what_data_are_compared_with(samples, tmp_path, make_events):
    background = make_events(30_000, seed=5, label=False)
    content, _ = response_content(samples, background=background)
    path = tmp_path / "own.npz"
    np.savez(path, **content)
    response = response_named(str(path))
    events = [background[name].to_numpy() for name in ("mjj", "mj1", "mj2")]
    assert abs(jet_mass_scale(*events, known=response.background).log_scale) < 0.003
    assert jet_mass_scale(*events).log_scale > 0.05
    content["background_jets"] = content["background_jets"][:5]
    np.savez(tmp_path / "damaged.npz", **content)
    with pytest.raises(InputError, match="is no response"):
        response_named(str(tmp_path / "damaged.npz"))
    with pytest.raises(InputError, match="too few to compare jet masses"):
        response_content(samples, background=background.head(100))
