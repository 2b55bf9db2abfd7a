"""What local significances look like where there is no signal: their mean and width, and how far that was tested.

Out-of-fold scores share training events, so that the excess of a window spreads a little more than Poisson, by how many
events there are, how hard is cut, how many features are seen and how often the folds are divided anew. The
shipped *surface* was measured in signal-free boxes that were simulated, and never permuted; a calibration of one's own
file takes its place on request.
"""

import json
import math
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np

from bumphunt.config import AnalysisConfig, CwolaConfig
from bumphunt.pipeline.small_files import selected_background
from bumphunt.results import WindowResult
from bumphunt.results.base import short_repr
from bumphunt.statistics import p_from_z, z_from_p

SURFACE, SMALL_SURFACE = "null_surface.json", "null_surface_small.json"
"""Measured with a form of the background after the cut, and in small files with an efficiency of it."""

FOLDS = 3
"""Folds of a surface that does not name them."""

OWN_AXES = ("features", "folds", "repeats")
"""Settings of ``cwola`` along which a surface is measured at several points, or may be."""

TREES_LEARNING_RATE = 0.1
"""Step of boosting where the config names none: few large steps, many repeats (``analysis/repeats.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NullPoint:
    """Mean and width of local z, with errors, in boxes without signal: events in the window, part kept, features.

    ``share`` is the part of the searched events that the window holds, large near the lower end of a falling spectrum:
    local z lies up to half a sigma high there and as much low further up, in large and in small files.
    """

    n_window: float
    cut_fraction: float
    n_features: int
    repeats: int
    mean: float
    mean_error: float
    width: float
    width_error: float
    n_boxes: int
    folds: int = FOLDS
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """How local significances are calibrated.

    Parameters
    ----------
    method : str
        Where the numbers come from, for the report.
    points : tuple of NullPoint
        Measured means and widths; one without points has ``mean`` and ``width`` everywhere.
    mean, width : float
        Of a null without points.
    n_searches : int
        Whole searches without signal behind it.
    settings : dict
        Settings of ``cwola`` beside folds and repeats that the points were measured with; empty where they are those
        of the search itself.
    others : tuple of Null
        Nulls of the same search made in other ways; where they differ, that counts which leaves less.
    of_prior : Null, optional
        That of the prior-assisted search, where it was repeated on the same pseudo-data.
    """

    method: str
    points: tuple[NullPoint, ...] = ()
    mean: float = 0.0
    width: float = 1.0
    n_searches: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    others: tuple["Null", ...] = ()
    of_prior: "Null | None" = None

    __repr__ = short_repr

    def beside(self, *others: "Null") -> "Null":
        """Return a null of this and others, of which that counts which leaves less of a significance."""
        return replace(self, others=(*self.others, *others))

    @property
    def tested_to(self) -> float:
        """Significance that three of the searches behind it would exceed by chance: z at p = 3 / (N + 1)."""
        return z_from_p(min(3.0 / (self.n_searches + 1), 0.5))

    def at(
        self,
        *,
        n_window: float,
        cut_fraction: float,
        n_features: int,
        repeats: int,
        folds: int = FOLDS,
        share: float | None = None,
    ) -> tuple[float, float]:
        """Return mean and width of local z in a window at a cut.

        Parameters
        ----------
        n_window : float
            Events in the window before the cut.
        cut_fraction : float
            Part of the events kept; a cut that keeps all has seen no score, and its z is standard normal.
        n_features, repeats, folds : int
            Columns that the score sees, divisions into folds, and folds of each.
        share : float, optional
            Part of the searched events that are in the window.
        """
        if cut_fraction >= 1.0:
            return 0.0, 1.0
        if not self.points:
            return self.mean, self.width
        return _interpolated(self.points, n_window, cut_fraction, n_features, repeats, folds, share)

    def inside(
        self,
        *,
        n_window: float,
        cut_fraction: float,
        n_features: int,
        repeats: int,
        folds: int | None = None,
        share: float | None = None,
    ) -> bool:
        """Tell whether it was measured there: within a factor 1.5 in events and cut, at these features and repeats.

        At these folds and within as much in the share of events as well, where they are given.
        """
        if cut_fraction >= 1.0 or not self.points:
            return True
        near = [
            point
            for point in self.points
            if point.n_features == n_features
            and point.repeats == repeats
            and folds in (None, point.folds)
            and abs(math.log(point.cut_fraction / cut_fraction)) < math.log(1.5)
        ]
        shares = [point.share for point in near if point.share is not None]
        return _within([point.n_window for point in near], n_window) and (
            share is None or not shares or _within(shares, share)
        )

    def unlike(self, cwola: CwolaConfig) -> tuple[str, ...]:
        """Return the settings of the training that the points were measured without, ``cwola.folds: 2`` for one.

        Folds are among them where no point has these; sizes are for :meth:`inside`.
        """
        if not self.points:
            return ()
        given = cwola.model_dump(mode="json")
        names = [name for name, value in self.settings.items() if _effective(name, given) != value]
        if cwola.folds not in {point.folds for point in self.points}:
            names.append("folds")
        return tuple(f"cwola.{name}: {given[name]}" for name in sorted(names))

    def applied(
        self, found: WindowResult, *, n_features: int, repeats: int, folds: int = FOLDS, n_searched: int | None = None
    ) -> WindowResult:
        """Return a window's result with its significances calibrated."""
        if found.note:
            return found
        at = partial(
            Null.at,
            n_window=found.n_window,
            cut_fraction=found.cut_fraction,
            n_features=n_features,
            repeats=repeats,
            folds=folds,
            share=None if n_searched is None else found.n_window / n_searched,
        )
        nulls = [at(null) for null in (self, *self.others)]
        z_stat, mean, width = min(((found.z_stat - mean) / width, mean, width) for mean, width in nulls)
        # what the form of the background takes away is no part of the calibration
        z_local = min((found.z_local - mean) / width, z_stat)
        p_local = max(p_from_z(z_local), 1e-300)
        return replace(found, z_raw=found.z_stat, z_stat=z_stat, z_local=z_local, p_local=p_local)

    def to_dict(self) -> dict[str, Any]:
        """Return what the result file says of it."""
        widths = [point.width for point in self.points] or [self.width]
        means = [point.mean for point in self.points] or [self.mean]
        said = {
            "method": self.method,
            "n": self.n_searches,
            "width": round(float(np.mean(widths)), 4),
            "mean": round(float(np.mean(means)), 4),
        }
        if not self.others:
            return said
        every = [said, *(other.to_dict() for other in self.others)]
        # with points, each window and cut has a kind of its own that counts; without, the first is the one
        shown = max(every, key=lambda each: each["width"]) if self.points else said
        method = "; ".join(each["method"] for each in every) + "; the larger p-value counts"
        return {**shown, "method": method, "nulls": every}


def null_of(config: AnalysisConfig, n_events: int) -> Null:
    """Return the null that a configuration asks for: a width set by hand, or a shipped surface for so many events."""
    width = config.search.null_width
    if width is not None:
        return Null(method=f"width {width:g}, set by search.null_width", width=width)
    return shipped_surface(SURFACE if selected_background(config, n_events) == "form" else SMALL_SURFACE)


@cache
def shipped_surface(name: str = SURFACE) -> Null:
    """Return the surface measured in signal-free simulated boxes (``make null-surface``)."""
    stored = json.loads(files("bumphunt.pipeline").joinpath(name).read_text("utf-8"))
    return Null(
        method=stored["method"],
        points=tuple(NullPoint(**point) for point in stored["points"]),
        n_searches=stored["n_searches"],
        settings=stored.get("settings", {}),
    )


def training_settings(cwola: CwolaConfig) -> dict[str, Any]:
    """Return the settings of the training beside features, folds and repeats, as a surface stores them.

    ``min_samples_leaf`` follows from the number of events where it is not set, and is stored as it is set.
    """
    given = cwola.model_dump(mode="json")
    return {name: _effective(name, given) for name in given if name not in OWN_AXES}


def _effective(name: str, given: dict[str, Any]) -> Any:
    # the step of the trees may be named or left to the default, which is the same
    if name == "learning_rate" and given[name] is None and given["classifier"] == "trees":
        return TREES_LEARNING_RATE
    return given[name]


def _within(measured: list[float], asked: float) -> bool:
    """Tell whether a number lies among measured ones or within a factor of 1.5 of them."""
    return bool(measured) and min(measured) / 1.5 <= asked <= 1.5 * max(measured)


def _interpolated(
    points: tuple[NullPoint, ...],
    n_window: float,
    cut_fraction: float,
    n_features: int,
    repeats: int,
    folds: int,
    share: float | None,
) -> tuple[float, float]:
    """Average the measured points, the near ones in the logarithm of events and cut counting most."""
    asked = {
        "n_window": (max(n_window, 1.0), 3.0),
        "cut_fraction": (cut_fraction, 3.0),
        "n_features": (n_features, 1.5),
        "repeats": (repeats, 2.0),
        "folds": (folds, 1.5),
    }
    if share is not None and all(point.share is not None for point in points):
        asked["share"] = (max(share, 1e-9), 1.5)
    distance = np.zeros(len(points))
    for name, (value, step) in asked.items():
        distance += (np.log([getattr(point, name) / value for point in points]) / math.log(step)) ** 2
    closeness = np.exp(-0.5 * (distance - distance.min()))
    means, widths = (np.array([getattr(point, name) for point in points]) for name in ("mean", "width"))
    for_mean = closeness / np.array([point.mean_error**2 for point in points])
    for_width = closeness / np.array([point.width_error**2 for point in points])
    return float((for_mean @ means) / for_mean.sum()), float((for_width @ widths) / for_width.sum())
