"""Answers of six small boxes are those stored in ``answers.json``: no change of the code changes them unnoticed.

Where a change is meant, ``python tests/golden/test_golden.py`` writes them anew; say in the commit why they changed.
"""

import importlib.util
import json
import math
import re
import warnings
from pathlib import Path

import pytest

import bumphunt

GOLDEN = Path(__file__).with_name("answers.json")
RELATIVE = 1e-5
"""Other processors change last digits, and a fit ends a little elsewhere."""
FOLLOWING, CHECKED = 5e-3, 0.05
"""Limits and values of checks of the masses follow from fits: relative changes, and absolute ones of such values."""

LIGHT = {
    "searches": ["cwola"],
    "cwola": {"folds": 2, "repeats": 2, "members": 1, "max_iter": 15},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
}
WINDOW = {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]}
SEVERAL = {"low": 2_850.0, "high": 5_400.0, "window_step": 5, "cut_fractions": [0.1, 0.02]}
LIGHT_RESONANCE = {
    "resonance": {"column": "dimuon_mass", "label": "dimuon mass"},
    "daughters": None,
    "features": ["pt", "isolation"],
    "sqrt_s": None,
    "search": {"low": 9.0, "high": 9.86, "bin_ratio": 1.0062, "windows": [[9.34, 9.58]], "cut_fractions": [0.1]},
    "limit": {"width": 0.008},
}


def other_resonance(table):
    """The same events under other names, with masses around 9.4 GeV."""
    names = {"mjj": "dimuon_mass", "mj1": "pt", "tau21_1": "isolation"}
    found = table.rename(columns=names)[list(names.values())]
    return found.assign(dimuon_mass=9.0 + (found["dimuon_mass"] - 2_850.0) * (0.86 / 1_600.0))


def at_8_tev(table):
    """The same events at a lower energy of the collider."""
    masses = ["mjj", "mj1", "mj2"]
    return table.assign(**{name: table[name] * (8.0 / 13.0) for name in masses})


def boxes(make_events):
    """Return events and settings of each box."""
    empty, full = make_events(6_000, seed=1, label=False), make_events(6_000, signal=250, seed=2, label=False)
    low_energy = {name: [value * 8 / 13 for value in pair] for name, pair in (("windows", (3_300.0, 3_710.0)),)}
    return {
        "background": (empty, {**LIGHT, "search": WINDOW}),
        "signal": (full, {**LIGHT, "search": WINDOW}),
        "several windows": (make_events(6_000, signal=120, seed=3, label=False), {**LIGHT, "search": SEVERAL}),
        "8 TeV": (
            at_8_tev(full),
            {
                **LIGHT,
                "sqrt_s": 8_000.0,
                "search": {
                    "low": 2_850.0 * 8 / 13,
                    "high": 5_400.0 * 8 / 13,
                    "windows": [low_energy["windows"]],
                    "cut_fractions": [0.05],
                },
            },
        ),
        "another resonance": (other_resonance(full), {**LIGHT, **LIGHT_RESONANCE}),
        "both searches": (
            make_events(11_000, signal=8, seed=4, label=False),
            {**LIGHT, "search": WINDOW, "searches": ["cwola", "prior"]},
        ),
    }


def measured(events, config):
    """Return answers and checks of one box as plain data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = bumphunt.hunt(events, config=config, seed=7)
    checks = {
        check.name: {"passed": check.passed, "value": check.value, "applies_to": check.applies_to}
        for check in found.checks
    }
    return json.loads(json.dumps({"answers": found.answers.to_dict(), "checks": checks}))


def parts_of_errors(stored):
    """Return by how much a processor's linear algebra may change each number of an interval; nothing is no interval.

    Values by 1 % of the error and errors by 2 %, as ``make mass-stability`` asks under two kernels: a minimum is found
    within its tolerance, and not to the last digit.
    """
    if not {"value", "low", "high"} <= stored.keys():
        return {}
    error = 0.5 * (stored["high"] - stored["low"])
    return {name: (0.02 if name in {"stat", "scale"} else 0.01) * error for name in stored}


def differences(stored, found, where="", allowed=1e-9):
    """Return what differs; keys that were not stored are no difference."""
    if isinstance(stored, dict) and isinstance(found, dict):
        parts = parts_of_errors(stored)
        if found.get("applies_to") == "masses":
            parts = {"value": CHECKED}
        return [
            each
            for key, value in stored.items()
            for each in differences(value, found.get(key, "missing"), f"{where}.{key}", parts.get(key, allowed))
        ]
    if isinstance(stored, list) and isinstance(found, list) and len(stored) == len(found):
        pairs = enumerate(zip(stored, found, strict=True))
        return [each for place, (a, b) in pairs for each in differences(a, b, f"{where}[{place}]")]
    if ".assumptions[" in where and isinstance(stored, str) and isinstance(found, str):
        stored, found = (re.sub(r"\d+(\.\d+)?", "N", text) for text in (stored, found))
    relative = FOLLOWING if ".upper_limit." in where or allowed == CHECKED else RELATIVE
    number = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (stored, found))
    if number and (
        math.isclose(stored, found, rel_tol=relative, abs_tol=allowed) or (stored != stored and found != found)
    ):
        return []
    same = stored == found or (stored != stored and found != found)
    return [] if same else [f"{where}: {found} where {stored} is stored"]


NAMES = ["background", "signal", "several windows", "8 TeV", "another resonance", "both searches"]


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_stored(make_events, light_prior, name):
    stored = json.loads(GOLDEN.read_text("utf-8"))
    found = measured(*boxes(make_events)[name])
    assert not differences(stored[name], found), f"where this is meant: python {Path(__file__).name}"


def test_a_difference_is_seen():
    stored = {"a": [1.0, {"b": None}], "c": "x", "d": True}
    assert not differences(stored, {**stored, "new": 1})
    for other in ({"a": [1.1, {"b": None}]}, {"a": [1.0, {"b": 2.0}]}, {"c": "y"}, {"d": False}, {"a": [1.0]}):
        assert len(differences(stored, {**stored, **other})) == 1
    assert len(differences(stored, {})) == 3


def renew():
    """Write the answers anew."""
    spec = importlib.util.spec_from_file_location("shared", Path(__file__).parents[1] / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch:
        module.lighten_prior(patch)
        found = {name: measured(*box) for name, box in boxes(module.make_table).items()}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    renew()
