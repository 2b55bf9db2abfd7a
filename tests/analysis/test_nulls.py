"""The study of significances without signal: errors by boxes, and one global significance a box."""

import importlib.util
import json
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bumphunt.pipeline.null import Null, NullPoint

ROOT = Path(__file__).resolve().parents[2]
AS_IS = Null(method="as it is")


@pytest.fixture(scope="module")
def nulls() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "analysis"))
        spec = importlib.util.spec_from_file_location("studied_nulls", ROOT / "analysis/nulls.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["studied_nulls"] = module
        spec.loader.exec_module(module)
        yield module
        del sys.modules["studied_nulls"]


def lines(number: int, *, windows: int = 12, common: float = 0.0, seed: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Return boxes whose windows have z of width 1 and something in common."""
    rng, found = np.random.default_rng(seed), []
    for each in range(number):
        z = np.sqrt(1.0 - common**2) * rng.standard_normal((windows, 2)) + common * rng.standard_normal()
        rows = [
            [int(20_000 * 0.75**place), cut, round(float(z[place, k]), 4), round(float(z[place, k]), 4), None]
            for place in range(windows)
            for k, cut in enumerate((0.01, 0.002))
        ]
        found.append(
            {"set": "default", "number": each, "n_searched": 60_000, "n_features": 4, "repeats": 32, "found": rows}
            | more
        )
    return found


def test_errors_are_those_of_boxes_drawn_anew(nulls: ModuleType) -> None:
    """Where windows are independent the error is theirs; where a box has one value, it is that of the boxes."""
    for common, number in ((0.0, 60 * 24), (1.0, 60)):
        own = lines(60, common=common)
        z = np.array([row[2] for line in own for row in line["found"]])
        mean, width = nulls.errors(z, np.repeat(np.arange(60), 24))
        assert mean == pytest.approx(number**-0.5, rel=0.2)
        assert width == pytest.approx((2 * number) ** -0.5, rel=0.3)


def test_a_surface_has_every_set_of_twenty_boxes_and_its_folds(nulls: ModuleType) -> None:
    own = lines(20) + lines(21, seed=2, set="two_folds") + lines(19, seed=3, set="eight_features", n_features=8)
    made_of = nulls.of_surface(own)
    assert {line["set"] for line in made_of} == {"default", "two_folds"}
    assert all(line["number"] % 2 == 0 for line in made_of)
    points = nulls.surface(made_of)
    assert {(point.folds, point.n_boxes) for point in points} == {(3, 10), (2, 11)}
    assert len(points) == 2 * 2 * nulls.SHARES
    assert [point.share < other.share for point, other in pairwise(points)][: nulls.SHARES - 1] == [True, True, True]
    # two windows a box, independent here: more is known than from one a box
    assert all(point.width_error < point.width / (2 * point.n_boxes) ** 0.5 for point in points)
    assert [NullPoint(**{name: getattr(p, name) for name in NullPoint.__dataclass_fields__}) for p in points] == points


def test_a_mean_below_nothing_is_taken_off_as_far_as_it_is_known(nulls: ModuleType) -> None:
    """Above 0 all of it is, since it makes a significance smaller; a little below 0 nothing is."""
    for shift in (-1.0, 1.0, -0.02):
        own = lines(30)
        for line in own:
            line["found"] = [[size, cut, z + shift, z + shift, None] for size, cut, z, *_ in line["found"]]
        for point in nulls.surface(own):
            parts = [row for line in own for row in line["found"] if row[1] == point.cut_fraction]
            shares = np.array([row[0] for row in parts]) / 60_000
            place = np.argsort(shares, kind="stable")
            quarter = min(
                np.array_split(place, nulls.SHARES),
                key=lambda part: abs(np.log(shares[part]).mean() - np.log(point.share)),
            )
            mean = float(np.mean([parts[each][2] for each in quarter]))
            taken = mean if mean > 0 else min(mean + point.mean_error, 0.0)
            assert point.mean == pytest.approx(taken, abs=1e-3)


def test_windows_without_an_event_do_not_tell_the_width(nulls: ModuleType) -> None:
    own, empty = lines(40), lines(40)
    for line in empty[:4]:
        line["found"][-1][2] = -8.2
    widths = [np.array([point.width for point in nulls.surface(each)]) for each in (own, empty)]
    assert np.abs(widths[1] / widths[0] - 1.0).max() < 0.2


def test_a_smooth_box_of_a_million_keeps_what_follows_the_mass(
    nulls: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the events outside of the searched range as well, and masses of its own inside."""
    rng = np.random.default_rng(3)
    mjj = 2000.0 + rng.exponential(600.0, 60_000)
    pool = pd.DataFrame({"mjj": mjj, "follows": np.log(mjj), "mj1": rng.random(60_000)})
    monkeypatch.setitem(nulls.SETS, "smooth_1M", (30_000, nulls.RAW))
    box = nulls.box_of(pool, "smooth_1M", 1)
    assert abs(len(box) - 30_000) < 600
    own = ~np.isin(box["mjj"], mjj)
    assert 0.2 < own.mean() < 0.99
    assert np.corrcoef(box["follows"], np.log(box["mjj"]))[0, 1] > 0.7
    assert box.loc[~own, "mjj"].min() < box.loc[own, "mjj"].min()


def test_the_global_significance_of_a_box_is_nominal(nulls: ModuleType) -> None:
    """Independent windows with their correlation stored; what by_overlap says costs little."""
    own = lines(200, windows=6)
    stored = [{**line, "correlation": [0.0] * (12 * 11 // 2)} for line in own]
    z = np.array([nulls.global_z(line, AS_IS) for line in stored])
    assert abs(z.mean()) < 0.25
    assert 0.85 < z.std() < 1.15
    guessed = np.array([nulls.global_z(line, AS_IS) for line in own])
    assert (guessed > z - 0.02).all()
    assert np.mean(guessed - z) < 0.35


def test_stored_lines_without_a_correlation_can_be_read(nulls: ModuleType) -> None:
    stored = [json.loads(line) for line in (ROOT / "analysis/results/nulls.jsonl").read_text("utf-8").splitlines()]
    line = next(line for line in stored if line["set"] == "default" and "correlation" not in line)
    shared = nulls.correlation(line)
    assert shared.shape == (len(line["found"]),) * 2
    assert np.linalg.eigvalsh(shared).min() > 0
    assert shared[0, 1] == pytest.approx(0.6, abs=0.01)
    assert shared[0, 2] == pytest.approx(0.06, abs=0.005)
    assert shared[0, 4] == 0
    assert nulls.folds_of(line) == 3
    again = {**line, "correlation": shared[np.triu_indices(len(shared), 1)].tolist()}
    np.testing.assert_allclose(nulls.correlation(again), shared)
