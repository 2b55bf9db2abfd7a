"""The whole analysis: checks, second opinions, the three answers and what a report is drawn from."""

from dataclasses import dataclass
from typing import Any

from bumphunt.results.base import FloatArray, Result
from bumphunt.results.masses import Interval, JetPlane, MassFit, PeakScan
from bumphunt.results.spectra import ScanResult, SpectrumFit, UpperLimit

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossCheck(Result):
    """A second opinion: another score in the best window. Reported, never chosen because it looks better."""

    name: str
    orientation: int
    cut_fraction: float
    n_observed: int
    n_expected: float
    n_expected_error: float
    z_local: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingHistory(Result):
    """Loss of a network per epoch, with the reconstruction and KL parts apart."""

    loss: FloatArray
    reconstruction: FloatArray
    kl: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Check(Result):
    """A quality check with a threshold declared beforehand; ``applies_to`` is ``excess`` or ``masses``."""

    name: str
    passed: bool
    value: float
    threshold: float
    meaning: str
    applies_to: str = "excess"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers(Result):
    """The three answers of the LHC Olympics. Masses in GeV; None where the data do not support a number."""

    status: str
    discovery: bool
    p_local: float
    z_local: float
    p_global: float
    z_global: float
    p_global_method: str
    n_toys: int
    n_trials: int
    is_bound: bool
    m_resonance: Interval | None
    m_x: Interval | None
    m_y: Interval | None
    n_signal: Interval | None
    upper_limit: dict[str, float] | None

    def __str__(self) -> str:
        def given(interval: Interval | None, unit: str) -> str:
            return "not given" if interval is None else f"{interval}{unit}"

        lines = [
            f"status       {self.status}",
            f"p-value      {self.p_global:.3g} global ({self.z_global:.2f} sigma), "
            f"{self.p_local:.3g} local ({self.z_local:.2f} sigma)",
            f"m_resonance  {given(self.m_resonance, ' GeV')}",
            f"m_x          {given(self.m_x, ' GeV')}",
            f"m_y          {given(self.m_y, ' GeV')}",
            f"n_signal     {given(self.n_signal, '')}",
        ]
        if self.upper_limit is not None:
            lines.append(
                f"upper limit  {self.upper_limit['n_signal_95']:.0f} events at 95 % CLs "
                f"(narrow, inclusive, {self.upper_limit['mass']:.0f} GeV)"
            )
            if "cross_section_fb_95" in self.upper_limit:
                lines.append(f"             sigma x B x A < {self.upper_limit['cross_section_fb_95']:.3g} fb")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Products(Result):
    """Everything a run found, enough to redraw the report without the events."""

    inclusive: SpectrumFit
    scan: ScanResult
    peak_scan: PeakScan | None
    mass_fit: MassFit | None
    plane: JetPlane | None
    limit: UpperLimit | None
    cross_checks: tuple[CrossCheck, ...]
    training: TrainingHistory | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnalysisResult(Result):
    """The content of ``result.json``."""

    schema_version: str
    input: dict[str, Any]
    seed: int
    versions: dict[str, str]
    config: dict[str, Any]
    answers: Answers
    checks: tuple[Check, ...]
    stages: dict[str, Any]

    def __str__(self) -> str:
        return str(self.answers)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlindWindow(Result):
    """What one window (GeV) at one cut is expected to show, from its sidebands alone.

    ``n_signal_3`` and ``n_signal_5`` are the selected signal events in the window whose median outcome has a local
    significance of 3 and 5; ``limits`` (5,) the 95 % CLs limits on them expected without signal at -2 to +2
    standard deviations. ``note`` says why a window cannot be searched.
    """

    low: float
    high: float
    cut_fraction: float
    n_expected: float
    n_expected_error: float
    n_signal_3: float
    n_signal_5: float
    limits: FloatArray
    note: str

    def __str__(self) -> str:
        start = f"{self.low:.0f}-{self.high:.0f} GeV at {self.cut_fraction:.2%}"
        if self.note:
            return f"{start}: {self.note}"
        return (
            f"{start}: {self.n_expected:.1f} ± {self.n_expected_error:.1f} background events; 3 sigma (local) from "
            f"{self.n_signal_3:.0f} signal events, 5 sigma from {self.n_signal_5:.0f}; "
            f"expected limit {self.limits[2]:.0f}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlindResult(Result):
    """The content of ``result.json`` of a blinded run: what to expect of each window and cut.

    ``answers`` has the keys of :class:`Answers`, all None but status ``blinded`` and discovery False.
    """

    schema_version: str
    input: dict[str, Any]
    seed: int
    versions: dict[str, str]
    config: dict[str, Any]
    blind: bool
    answers: dict[str, Any]
    expected: tuple[BlindWindow, ...]

    def __str__(self) -> str:
        return "\n".join(["blinded: no signal region has been read after a cut", *map(str, self.expected)])
