"""What the tables of a HEPData record are made of: columns, tables, and what all of them have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bumphunt.config.sections import LimitConfig
from bumphunt.errors import InputError
from bumphunt.results import AnalysisResult, WindowResult

Value = float | str | tuple[float, float]

DIJET_REACTION = "P P --> JET JET X"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variable:
    """One column: values, or pairs of bin edges, with errors by label (one number, minus and plus, or None a row)."""

    name: str
    values: Sequence[Value]
    units: str = ""
    errors: dict[str, Sequence[float | tuple[float, float] | None]] = field(default_factory=dict)

    @property
    def binned(self) -> bool:
        """Whether values are pairs of edges."""
        return len(self.values) > 0 and isinstance(self.values[0], tuple)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordTable:
    """A table: what it depends on, what was measured, and the stem of the figure that shows it, if any."""

    name: str
    description: str
    independent: tuple[Variable, ...]
    dependent: tuple[Variable, ...]
    observable: str
    figure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """What all tables of a record have in common: the searched variable, the qualifiers, the resolution as a part."""

    variable: str
    unit: str
    reaction: str
    sqrt_s: float | None
    luminosity: float | None
    simulation: bool
    width: float

    @classmethod
    def of(cls, result: AnalysisResult, limits: dict[str, Any] | None = None) -> "Setting":
        """Read it from a saved result; a luminosity that it does not name from saved limits.

        Raises
        ------
        InputError
            If both name one, and not the same.
        """
        config = result.config
        limit = config.get("limit") or {}
        resonance = config.get("resonance") or {}
        column = str(resonance.get("column", "mjj"))
        dijet = column == "mjj"
        return cls(
            variable="M(JET JET)" if dijet else str(resonance.get("label") or column),
            unit="GeV" if dijet else str(resonance.get("unit") or ""),
            reaction=DIJET_REACTION if dijet else f"P P --> X, resonance in {column}",
            sqrt_s=config.get("sqrt_s"),
            luminosity=_luminosity(limit.get("luminosity"), limits or {}),
            simulation=bool(result.input.get("simulation")),
            width=float(limit.get("width", LimitConfig().width)),
        )

    def qualifiers(self) -> list[tuple[str, float | str, str]]:
        """Return the qualifiers of every measured column: name, value, units."""
        found: list[tuple[str, float | str, str]] = [("RE", self.reaction, "")]
        if self.sqrt_s is not None:
            found.append(("SQRT(S)", float(self.sqrt_s), "GeV"))
        if self.simulation:
            found.append(("DATA", "Simulation", ""))
        if self.luminosity is not None:
            found.append(("LUMINOSITY", float(self.luminosity), "FB-1"))
        elif not self.simulation:
            found.append(("LUMINOSITY", "not given", ""))
        return found


def _luminosity(of_the_run: float | None, limits: dict[str, Any]) -> float | None:
    """Return the one luminosity (1/fb) that qualifies every table."""
    [of_limits, *_] = [point.get("luminosity") for point in limits.get("points") or [limits]]
    of_limits = None if of_limits is None else float(of_limits)
    if of_the_run is None or of_limits is None:
        return of_limits if of_the_run is None else of_the_run
    if not math.isclose(of_the_run, of_limits):
        raise InputError(
            f"the run says {of_the_run:g} /fb (limit.luminosity) and limits.json {of_limits:g} /fb; repeat the limits "
            f"with `bumphunt limits ... --resume --luminosity {of_the_run:g}`"
        )
    return of_the_run


def whole(value: float) -> float:
    """Return a count as a whole number where it is one."""
    return int(value) if float(value).is_integer() else float(value)


def regions(windows: Sequence[WindowResult], setting: Setting) -> tuple[Variable, ...]:
    """Return the columns that tell searches apart: the signal region, and what was kept."""
    return (
        Variable(
            name=f"Signal region in {setting.variable}",
            values=[(float(found.low), float(found.high)) for found in windows],
            units=setting.unit,
        ),
        Variable(name="Part of the events kept", values=[float(found.cut_fraction) for found in windows]),
    )


def mass_columns(rows: Sequence[Sequence[Any]]) -> tuple[Variable, ...]:
    """Return the masses of (resonance, heavier, lighter daughter) in GeV as columns; what is not known is a dash."""
    names = ("Mass of the resonance", "Mass of the heavier daughter", "Mass of the lighter daughter")
    return tuple(
        Variable(name=name, values=[or_dash(row[place]) for row in rows], units="GeV")
        for place, name in enumerate(names)
    )


def or_dash(value: Any) -> Value:
    """Return a finite number, or HEPData's sign for none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else "-"
