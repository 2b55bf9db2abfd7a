"""Limits on signal models by training with injected signal: one model, and a grid of them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bumphunt.results.base import FloatArray, Result
from bumphunt.results.maps import LimitCurve, LimitPlane

LESS_SENSITIVE = "less sensitive than the inclusive limit"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MethodLimit(Result):
    """95 % upper limits of one way to look: ``inclusive`` (``cut_fraction`` None) or after a cut.

    Limits count signal events in the file before any selection; ``n_signal_95`` is CLs, ``clsb_95`` CLs+b (None for the
    inclusive one), ``expected`` (5,) CLs without signal at -2 … 2 standard deviations. Infinite (null in JSON) where
    not even as many signal events as there are events are excluded. ``efficiency`` (strengths, 3) holds the signal
    events in the file, the part of them in the count, and its error; ``spread`` the largest standard deviation of the
    arcsine of its root from one training to the next. ``n_observed``, ``n_expected`` and ``n_expected_error`` are
    effective events, of which a selected signal event counts ``gain``. ``search`` is the search that selects, None for
    the inclusive limit and in older files; ``hypothesis`` the (m_x, m_y) in GeV that the prior-assisted one selects by.
    """

    name: str
    cut_fraction: float | None
    n_signal_95: float
    expected: FloatArray
    clsb_95: float | None = None
    efficiency: FloatArray | None = None
    spread: float | None = None
    n_observed: float | None = None
    n_expected: float | None = None
    n_expected_error: float | None = None
    gain: float | None = None
    search: str | None = None
    hypothesis: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelLimit(Result):
    """What is excluded of one signal model.

    ``low`` and ``high`` are the window (GeV), ``search`` the search whose selection answers or, where the inclusive
    limit does, would have, ``chosen`` the name of the way to look with the lowest *expected* limit, whose limits are
    the answer. ``acceptance`` is the part of
    produced signal events that such a file would hold; cross sections are in fb, None without luminosity.
    """

    name: str
    masses: tuple[float, ...] | None
    low: float
    high: float
    in_window: float
    search: str
    inclusive: MethodLimit
    selected: tuple[MethodLimit, ...]
    chosen: str
    notes: tuple[str, ...] = ()
    luminosity: float | None = None
    acceptance: float = 1.0

    @property
    def answer(self) -> MethodLimit:
        """The way to look that was chosen."""
        return next(each for each in (self.inclusive, *self.selected) if each.name == self.chosen)

    @property
    def best_selected(self) -> MethodLimit:
        """The cut with the lowest expected limit."""
        # what was infinite is NaN once it has been stored
        return min(self.selected, key=lambda each: float(np.nan_to_num(each.expected[2], nan=np.inf)))

    @property
    def n_signal_95(self) -> float:
        """The observed limit of the way that was chosen."""
        return self.answer.n_signal_95

    def in_fb(self, n_signal: float) -> float | None:
        """Return a limit on events as one on a cross section, None without luminosity or limit."""
        if self.luminosity is None or not math.isfinite(n_signal):
            return None
        return n_signal / (self.luminosity * self.acceptance)

    def shown(self, n_signal: float, *, in_fb: bool) -> float:
        """Return a limit on events or on a cross section, NaN where there is none."""
        number = self.in_fb(float(n_signal)) if in_fb else float(n_signal)
        return number if number is not None and math.isfinite(number) else math.nan

    def summary(self) -> dict[str, Any]:
        """Return the answer as plain data, the form that ``--json`` prints."""
        plain = self.answer.to_dict()
        best = self.best_selected.to_dict() if self.selected else None
        return {
            "name": self.name,
            "masses": None if self.masses is None else list(self.masses),
            "window": [self.low, self.high],
            "n_signal_95": plain["n_signal_95"],
            "expected": plain["expected"],
            "chosen": self.chosen,
            "search": self.search,
            "efficiency": [] if best is None else best["efficiency"],
            "cross_section_fb_95": self.in_fb(self.answer.n_signal_95),
            "expected_cross_section_fb": [self.in_fb(float(value)) for value in self.answer.expected],
            "inclusive": {name: self.inclusive.to_dict()[name] for name in ("n_signal_95", "expected")},
            "selected": None if best is None else {name: best[name] for name in _SELECTED},
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        answer, product = self.answer, "sigma x B" if self.acceptance < 1.0 else "sigma x B x A"
        lines = [
            f"{self.name}: {_events(answer.n_signal_95)} signal events excluded at 95 % CLs "
            f"(expected {_events(answer.expected[2])}, ± 1 sigma {_events(answer.expected[1])} to "
            f"{_events(answer.expected[3])}), window {self.low:.0f}-{self.high:.0f} GeV, {self.chosen}"
        ]
        fb = self.in_fb(answer.n_signal_95)
        if fb is not None:
            expected = self.in_fb(float(answer.expected[2]))
            lines.append(f"  {product} < {fb:.3g} fb" + ("" if expected is None else f" (expected {expected:.3g} fb)"))
        if self.chosen != "inclusive":
            lines.append(
                f"  inclusive: {_events(self.inclusive.n_signal_95)} (expected {_events(self.inclusive.expected[2])})"
            )
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


_SELECTED = ("name", "search", "cut_fraction", "n_signal_95", "clsb_95", "expected")


def _events(number: float) -> str:
    """Return a limit in three digits, or that there is none."""
    return f"{number:.3g}" if math.isfinite(number) else "no number of"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalLimits(Result):
    """Limits on one or several signal models, with where they come from."""

    schema_version: str
    input: dict[str, Any]
    seed: int
    versions: dict[str, str]
    config: dict[str, Any]
    points: tuple[ModelLimit, ...]

    @property
    def luminosity(self) -> float | None:
        """The luminosity of cross sections in 1/fb, the same for all points; None without one."""
        return next((point.luminosity for point in self.points), None)

    def summary(self) -> dict[str, Any]:
        """Return the answers as plain data: those of one model, or ``points`` of several."""
        if len(self.points) == 1:
            return self.points[0].summary()
        return {"points": [point.summary() for point in self.points]}

    def curves(self) -> tuple[LimitCurve, ...]:
        """Return limits against the mass of the resonance, one for each pair of daughters tried at several masses.

        Where no pair was tried twice, all points are one curve, if each mass of the resonance was tried once.
        """
        known = [point for point in self.points if point.masses is not None]
        pairs = sorted({point.masses[1:] for point in known if point.masses})
        groups = [(pair, [point for point in known if point.masses and point.masses[1:] == pair]) for pair in pairs]
        groups = [(pair, group) for pair, group in groups if len(group) > 1]
        if not groups and len({point.masses[0] for point in known if point.masses}) == len(known) > 1:
            groups = [((), known)]
        return tuple(self._curve(pair, group) for pair, group in groups)

    def planes(self) -> tuple[LimitPlane, ...]:
        """Return limits over the daughters' masses, one for each mass of the resonance with several pairs."""
        known = [(point, point.masses) for point in self.points if point.masses is not None]
        found = []
        for m_resonance in sorted({masses[0] for _, masses in known}):
            here = [(point, masses) for point, masses in known if masses[0] == m_resonance]
            if len(here) < 2:
                continue
            in_fb = all(point.luminosity is not None for point, _ in here)
            found.append(
                LimitPlane(
                    m_resonance=m_resonance,
                    m_x=np.array([masses[1] for _, masses in here]),
                    m_y=np.array([masses[2] for _, masses in here]),
                    observed=np.array([point.shown(point.n_signal_95, in_fb=in_fb) for point, _ in here]),
                    expected=np.array([point.shown(point.answer.expected[2], in_fb=in_fb) for point, _ in here]),
                    quantity="σ × B" if in_fb else "signal events",
                    unit="fb" if in_fb else "events",
                )
            )
        return tuple(found)

    def _curve(self, pair: tuple[float, ...], group: list[ModelLimit]) -> LimitCurve:
        ordered = sorted(group, key=lambda point: point.masses or ())
        in_fb = all(point.luminosity is not None for point in ordered)
        return LimitCurve(
            mass=np.array([point.masses[0] for point in ordered if point.masses]),
            observed=np.array([point.shown(point.n_signal_95, in_fb=in_fb) for point in ordered]),
            expected=np.array(
                [[point.shown(each, in_fb=in_fb) for each in point.answer.expected] for point in ordered]
            ),
            quantity="σ × B" if in_fb else "signal events",
            label=f"Daughters of {pair[0]:g} and {pair[1]:g} GeV" if pair else "",
            unit="fb" if in_fb else "events",
        )

    def __str__(self) -> str:
        return "\n".join(map(str, self.points))
