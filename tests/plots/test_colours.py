"""The colours of figures stay apart for readers with two kinds of cones, in the light and in the dark scheme."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY

CSS = (Path(__file__).parents[2] / "bumphunt" / "report" / "templates" / "report.css").read_text("utf-8")
LIGHT = {"ink": BLACK, "blue": BLUE, "sky": SKY, "green": GREEN, "orange": ORANGE, "red": RED, "purple": PURPLE,
         "grey": GREY}  # fmt: skip
DARK = dict(re.findall(r"--figure-([a-z]+): (#[0-9a-f]{6})", CSS))
# G. M. Machado, M. M. Oliveira and L. A. F. Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291: severity 1.0
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip
APART = 10.0
"""Least distance in CIELAB; about 2.3 is just noticed side by side, lines and markers need more."""
TOGETHER = (("green", "grey"), ("purple", "grey"), ("sky", "grey"), ("blue", "grey"))
"""Pairs that no figure asks to tell apart: grey is for guides that are dotted or thin."""


def seen(colour: str, sight: str) -> np.ndarray:
    """Return a colour in CIELAB as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(SIGHT[sight] @ linear, 0.0, 1.0)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    part = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(part > (6 / 29) ** 3, np.cbrt(part), part / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(palette: dict[str, str], sight: str) -> tuple[float, tuple[str, str]]:
    """Return the smallest distance of two colours, and their names."""
    pairs = [pair for pair in itertools.combinations(palette, 2) if pair not in TOGETHER and pair[::-1] not in TOGETHER]
    return min((float(np.linalg.norm(seen(palette[a], sight) - seen(palette[b], sight))), (a, b)) for a, b in pairs)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stay_apart(sight: str, scheme: str) -> None:
    palette = LIGHT if scheme == "light" else {name: value for name, value in DARK.items() if name != "paper"}
    assert palette.keys() == LIGHT.keys()
    distance, pair = closest(palette, sight)
    assert distance > APART, pair


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_from_their_ground(scheme: str) -> None:
    palette, paper = (LIGHT, "#ffffff") if scheme == "light" else (DARK, DARK["paper"])
    for name, colour in palette.items():
        if name != "paper":
            assert abs(seen(colour, "full")[0] - seen(paper, "full")[0]) > 25.0, name


def test_red_and_green_would_be_noticed() -> None:
    """The check can fail: the usual pair of red and green is one colour for a third of the simulated readers."""
    usual = {"red": "#d62728", "green": "#2ca02c"}
    assert closest(usual, "full")[0] > 100.0
    assert min(closest(usual, "protanopia")[0], closest(usual, "deuteranopia")[0]) < 40.0
    assert closest({"a": "#7f7f00", "b": "#8f7a00"}, "deuteranopia")[0] < APART
