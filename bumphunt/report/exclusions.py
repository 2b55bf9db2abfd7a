"""What a run excludes: limits on signal models that stand beside it, and on a narrow resonance window by window."""

import math

from bumphunt.report.formats import MISSING, count, mass, mass_range, number
from bumphunt.report.tables import Table
from bumphunt.results import LimitCurve, ModelLimit, SignalLimits, WindowLimits


def models_table(limits: SignalLimits) -> Table:
    """Return limits on signal models, a row each: observed, expected, and from where."""
    in_fb = any(point.luminosity is not None for point in limits.points)
    header = ["Signal", "Window", "Observed", "Expected", "± 1 σ", "Inclusive: observed", "expected", "From"]
    if in_fb:
        header += ["Observed [fb]", "Expected [fb]"]
    return Table(
        caption="Signal events in the file excluded at 95 % CLs, the search trained anew with each signal injected",
        header=tuple(header),
        rows=tuple(_row(point, in_fb=in_fb) for point in limits.points),
        words=frozenset({1, 7}),
        marked=frozenset(place for place, point in enumerate(limits.points) if point.notes),
    )


def model_notes(limits: SignalLimits) -> list[str]:
    """Return what has to be said of single models."""
    return [f"{point.name}: {note}" for point in limits.points for note in point.notes]


def _row(point: ModelLimit, *, in_fb: bool) -> tuple[str, ...]:
    expected = [float(value) for value in point.answer.expected]
    row = [
        point.name,
        mass_range(point.low, point.high),
        _events(point.n_signal_95),
        _events(expected[2]),
        f"{_events(expected[1])} to {_events(expected[3])}",
        _events(point.inclusive.n_signal_95),
        _events(float(point.inclusive.expected[2])),
        point.chosen,
    ]
    if in_fb:
        row += [_events(point.in_fb(point.n_signal_95)), _events(point.in_fb(expected[2]))]
    return tuple(row)


def curve_table(curve: LimitCurve) -> Table:
    """Return limits along the mass of the resonance, a row a mass."""
    return Table(
        caption=f"Narrow resonance before any selection: {curve.quantity} excluded at 95 % CLs [{curve.unit}]",
        header=("Mass of the resonance", "Observed", "Expected", "± 1 σ", "± 2 σ"),
        rows=tuple(
            (
                f"{mass(value)} {curve.mass_unit}",
                _events(seen),
                _events(expected[2]),
                f"{_events(expected[1])} to {_events(expected[3])}",
                f"{_events(expected[0])} to {_events(expected[4])}",
            )
            for value, seen, expected in zip(curve.mass, curve.observed, curve.expected, strict=True)
        ),
    )


_HEADER = ("Observed", "Expected", "± 1 σ", "± 2 σ")


def windows_table(limits: WindowLimits, *, unit: str) -> Table:
    """Return limits after the selection, a row a signal region and cut, with the hypothesis where there is one."""
    masses = None if limits.m_x is None or limits.m_y is None else list(zip(limits.m_x, limits.m_y, strict=True))
    rows = zip(limits.low, limits.high, limits.cut_fraction, limits.observed, limits.expected, strict=True)
    window = f"Window [{unit}]" if unit else "Window"
    selected = "signal events that pass the cut and lie in the window, excluded at 95 % CLs"
    caption = f"After the selection: {selected}"
    if masses is not None:
        caption = f"After the selection by the hypothesis with the largest excess of each window: {selected}"
    return Table(
        caption=caption,
        header=(window, *(() if masses is None else ("m_X, m_Y [GeV]",)), "Kept", *_HEADER),
        rows=tuple(
            (
                mass_range(low, high),
                *(() if masses is None else (f"{masses[place][0]:.0f}, {masses[place][1]:.0f}",)),
                f"{100 * fraction:.3g} %",
                _events(seen),
                _events(expected[2]),
                f"{_events(expected[1])} to {_events(expected[3])}",
                f"{_events(expected[0])} to {_events(expected[4])}",
            )
            for place, (low, high, fraction, seen, expected) in enumerate(rows)
        ),
    )


def _events(value: float | None) -> str:
    """Return a limit in three digits, without a power of ten."""
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = float(f"{float(value):.3g}")
    return count(rounded) if rounded >= 1000.0 else number(rounded)
