"""What a final state is: its resonance, its daughters, and every column's name, unit, meaning and range.

One row is one event, masses in GeV. Dijets are the preset: jet 1 is the **heavier** of the two leading
jets (candidate X), jet 2 the lighter (candidate Y).
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bumphunt.table.names import DAUGHTERS

LABEL = "label"
"""Optional truth, 1 signal and 0 background. A search drops it unread, whatever it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the event table.

    Parameters
    ----------
    name, unit, meaning : str
        As the documentation lists them.
    low, high : float
        Bounds of what is physically possible.
    required : bool
        A table must have it.
    """

    name: str
    unit: str
    meaning: str
    low: float
    high: float
    required: bool = False


_SUBSTRUCTURE = {
    "tau21": ("tau2 / (tau1 + 1e-5), N-subjettiness ratio", 10.0),
    "tau32": ("tau3 / (tau2 + 1e-5), N-subjettiness ratio", 10.0),
    "massdrop": ("heavier subjet mass over jet mass, last Cambridge/Aachen step undone", 1.0 + 1e-6),
}
_JETS = {1: "heavier jet", 2: "lighter jet"}

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            name="mjj", unit="GeV", meaning="invariant mass of the two leading jets", low=0, high=2e4, required=True
        ),
        *(
            Column(name=f"mj{i}", unit="GeV", meaning=f"mass of the {jet}", low=0, high=1e4, required=True)
            for i, jet in _JETS.items()
        ),
        *(
            Column(name=f"{name}_{i}", unit="", meaning=f"{text}, {jet}", low=0, high=high)
            for name, (text, high) in _SUBSTRUCTURE.items()
            for i, jet in _JETS.items()
        ),
        Column(name="weight", unit="", meaning="event weight", low=-np.inf, high=np.inf),
        Column(name="run", unit="", meaning="run number", low=0, high=np.inf),
        Column(name="event", unit="", meaning="event number", low=0, high=np.inf),
        Column(name=LABEL, unit="", meaning="truth: 1 signal, 0 background; studies only", low=0, high=1),
    )
}

REQUIRED = tuple(column.name for column in COLUMNS.values() if column.required)
FEATURES = (*DAUGHTERS, *(f"{name}_{i}" for name in _SUBSTRUCTURE for i in (1, 2)))
"""The eight observables of Vaupotič's report, in the order written to files."""
IDENTIFIERS = ("run", "event")
_ALIASES = {
    "mjj": ("mjj", "dijetmass", "mdijet", "invariantmass", "massjj", "jjmass", "invmass", "mass", "m12"),
    "mj1": ("mj1", "m1", "mjet1", "jet1mass", "j1mass", "massj1", "massjet1", "mx"),
    "mj2": ("mj2", "m2", "mjet2", "jet2mass", "j2mass", "massj2", "massjet2", "my"),
}
WEIGHTS = (
    "weight", "weights", "event_weight", "event_weights", "evt_weight", "genWeight", "gen_weight", "mc_weight",
    "weight_mc", "sample_weight", "total_weight", "weight_total", "weight_nominal", "nominal_weight", "wgt", "evtwgt",
)  # fmt: skip
"""Names under which a table may carry event weights; small and large letters and underscores do not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalState:
    """Which columns of a table are the resonance, its daughters and the features.

    Parameters
    ----------
    resonance : str
        The column that is searched for a resonance.
    unit, label : str
        Its unit, and how figures name it.
    daughters : pair of str, or None
        The masses of the two daughters, where there are any.
    ordered : bool
        The daughters are alike: daughter 1 is made the heavier, with all its ``_1`` columns.
    features : tuple of str
        What is used as features where nothing is named.
    columns : mapping of str to Column
        What is known of columns; others are only required to be numbers where they are used.
    """

    resonance: str = "mjj"
    unit: str = "GeV"
    label: str = "m_jj"
    daughters: tuple[str, str] | None = DAUGHTERS
    ordered: bool = True
    features: tuple[str, ...] = FEATURES
    columns: Mapping[str, Column] = field(default_factory=lambda: COLUMNS)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        return (self.resonance, *(self.daughters or ()))

    @property
    def is_dijet(self) -> bool:
        """Whether the resonance is a pair of jets, so that its mass is known to be hundreds of GeV."""
        return self.resonance in ("mjj", "m_jj") and self.unit == "GeV"

    def column(self, name: str) -> Column | None:
        """Return what is known of a column; masses of the final state must not be negative."""
        if name not in self.columns and name in self.required:
            return Column(name=name, unit=self.unit, meaning="a mass of the final state", low=0, high=np.inf)
        return self.columns.get(name)


DIJET = FinalState()
"""Two jets: the preset."""

SPECTRUM = FinalState(daughters=None, features=())
"""The dijet mass alone, for those who look at nothing else."""


def closest_column(wanted: str, found: Iterable[str]) -> str | None:
    """Return the column that is most likely meant by a name, or None.

    Examples
    --------
    >>> closest_column("mjj", ["event", "m_jj", "mj1"])
    'm_jj'
    >>> closest_column("mjjj", ["event", "mjj", "mj1"])
    'mjj'
    """
    plain = {re.sub(r"(gev|[^a-z0-9])", "", column.lower()): column for column in reversed(list(found))}
    for alias in _ALIASES.get(wanted, (re.sub(r"[^a-z0-9]", "", wanted.lower()),)):
        if alias in plain:
            return plain[alias]
    # a known column that is there is what it says, unless the name that was asked for is none of them
    others = {text: column for text, column in plain.items() if wanted not in _ALIASES or column not in _ALIASES}
    near = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", wanted.lower()), list(others), n=1, cutoff=0.75)
    return others[near[0]] if near else None
