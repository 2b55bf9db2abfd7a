"""What a simulated sample is: how many events of which kind, seen by which detector, written in which form."""

from dataclasses import dataclass

from bumphunt.errors import InputError
from bumphunt.simulation import pythia
from bumphunt.simulation.detector import DetectorResponse

BLOCK = 1000
"""Accepted events per block; part of a sample's definition, since each block has its own seed."""
NOMINAL_DETECTOR = DetectorResponse()
"""The detector of the LHC Olympics samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample of dijet events to be simulated; together with a seed it says which events.

    Parameters
    ----------
    background, signal : int
        Numbers of events after the trigger.
    masses : tuple of float or None
        Masses of Z', X, Y in GeV, X and Y in either order; needed with signal.
    prongs : int
        Quarks per daughter, 2 or 3; the models are those of :func:`bumphunt.simulation.pythia.generator`.
    widths : tuple of float, optional
        Widths of Z', X and Y over their masses, up to 0.3; those of the official R&D sample otherwise.
    dijet : float
        Part of the signal's decays that go to two quarks without X and Y.
    detector : DetectorResponse
        The detector.
    shower : tuple of str
        Further Pythia settings.
    raw : bool
        Write particles instead of the event table.
    hide_truth : bool
        Leave the label out, and write ``<stem>_truth.json`` beside the sample.
    block : int
        Accepted events per block.
    """

    background: int = 0
    signal: int = 0
    masses: tuple[float, float, float] | None = None
    prongs: int = 2
    widths: tuple[float, float, float] | None = None
    dijet: float = 0.0
    detector: DetectorResponse = NOMINAL_DETECTOR
    shower: tuple[str, ...] = ()
    raw: bool = False
    hide_truth: bool = False
    block: int = BLOCK

    def check(self) -> None:
        """Refuse what cannot be simulated.

        Raises
        ------
        InputError
            On counts or masses that cannot be.
        """
        for name, count in (("background", self.background), ("signal", self.signal)):
            if count < 0:
                raise InputError(f"{name} is {count}; give 0 or more events")
        if self.background + self.signal == 0:
            raise InputError("background and signal are both 0; ask for at least one event")
        if self.signal and self.masses is None:
            raise InputError(f"signal is {self.signal} but no masses were given; give those of Z', X and Y in GeV")
        if self.block < 1:
            raise InputError(f"block is {self.block}; give at least 1")
        pythia.check_request(
            masses=self.masses if self.signal else None, prongs=self.prongs, widths=self.widths, dijet=self.dijet
        )
