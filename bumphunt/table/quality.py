"""What was repaired, dropped or ignored on the way from a table to events, in numbers and in sentences."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from bumphunt.errors import warn_user


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuality:
    """The state of the data as they came.

    Parameters
    ----------
    rows : int
        Rows that came.
    repaired : int
        Values that were set right: masses just below 0 by rounding.
    dropped : int
        Rows left out for values that no event can have.
    exchanged : int
        Rows of which the daughters were exchanged, so that the first is the heavier.
    duplicates, near_duplicates : int
        Copies of events that were left out.
    common_weight : float or None
        The weight that every event carries, where it is not 1.
    simulated : bool
        Whether a file says that its events were simulated.
    notes : tuple of str
        A plain sentence for each of the others.
    """

    rows: int = 0
    repaired: int = 0
    dropped: int = 0
    exchanged: int = 0
    duplicates: int = 0
    near_duplicates: int = 0
    common_weight: float | None = None
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def adding(self, *notes: str, **counts: int) -> "DataQuality":
        """Return the same with more sentences, and with ``counts`` added to the numbers of these names."""
        grown: dict[str, Any] = {name: getattr(self, name) + number for name, number in counts.items()}
        return replace(self, notes=(*self.notes, *notes), **grown)

    def preceded(self, *notes: str) -> "DataQuality":
        """Return the same with sentences put before the others."""
        return replace(self, notes=(*notes, *self.notes))

    def warn(self, name: str) -> None:
        """Give every sentence as a warning that names the table."""
        for note in self.notes:
            warn_user(f"{name}: {note}")

    def to_dict(self) -> dict[str, Any]:
        """Return what a JSON file holds."""
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "DataQuality":
        """Return what :meth:`to_dict` has written."""
        notes: Iterable[str] = saved.get("notes", ())
        return cls(**{**saved, "notes": tuple(notes)})

    def __str__(self) -> str:
        return "; ".join(self.notes) if self.notes else f"{self.rows} events, nothing repaired or left out"
