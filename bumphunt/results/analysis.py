"""The whole analysis: checks, second opinions, the three answers and what a report is drawn from."""

import math
from dataclasses import dataclass, field
from typing import Any

from bumphunt.results.base import FloatArray, Result
from bumphunt.results.html import answers_html
from bumphunt.results.hypotheses import HypothesisScan
from bumphunt.results.maps import HypothesisMap, LimitCurve, WindowLimits
from bumphunt.results.masses import Interval, JetPlane, MassFit, PeakScan
from bumphunt.results.rounding import mass_range, mass_text
from bumphunt.results.spectra import ScanResult, SpectrumFit, UpperLimit

SCHEMA_VERSION = "2"
READABLE_VERSIONS = ("1", "2")
"""Schema versions that a report can be drawn from: what version 2 added has defaults."""


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
    """A quality check with a threshold declared beforehand.

    ``applies_to`` says what a failure puts in doubt: the ``excess``, or the ``masses`` only.
    """

    name: str
    passed: bool
    value: float
    threshold: float
    meaning: str
    applies_to: str = "excess"

    @classmethod
    def judged(
        cls,
        name: str,
        value: float,
        *,
        meaning: str,
        at_least: float | None = None,
        at_most: float = math.nan,
        applies_to: str = "excess",
    ) -> "Check":
        """Return a check that passes on its side of the threshold; not a number fails."""
        passed = value <= at_most if at_least is None else value >= at_least
        return cls(
            name=name,
            passed=bool(passed),
            value=float(value),
            threshold=float(at_most if at_least is None else at_least),
            meaning=meaning,
            applies_to=applies_to,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers(Result):
    """The three answers of the LHC Olympics. Masses in ``mass_unit``; None where the data do not support a number.

    ``search`` names the search that the claim is from, ``per_search`` gives ``z_local`` and ``z_global`` of each and
    the ends of its best window, ``low`` and ``high``. ``z_stat`` is the calibrated significance with statistical
    uncertainties only, ``z_spread`` its standard deviation over single repeats of the training, ``tested_to`` the
    significance up to which signal-free repeats of the whole search tested the calibration, which ``calibration``
    describes (method, n, width, mean). ``masses_verified`` is None without masses. ``assumptions`` are sentences.
    ``upper_limit`` may hold ``selected`` and ``expected`` limits beside the inclusive one.
    """

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
    upper_limit: dict[str, Any] | None
    search: str | None = None
    per_search: dict[str, dict[str, float]] = field(default_factory=dict)
    z_stat: float | None = None
    z_spread: float | None = None
    tested_to: float | None = None
    calibration: dict[str, Any] | None = None
    masses_verified: bool | None = None
    assumptions: tuple[str, ...] = ()
    mass_unit: str = "GeV"

    def _repr_html_(self) -> str:
        return answers_html(self)

    def __str__(self) -> str:
        def given(interval: Interval | None, unit: str, rest: str = "scale") -> str:
            return "not given" if interval is None else f"{interval.in_parts(rest)}{unit}"

        unit = f" {self.mass_unit}"
        lines = [
            f"status       {self.status}",
            f"p-value      {self.p_global:.3g} global ({self.z_global:.2f} sigma), "
            f"{self.p_local:.3g} local ({self.z_local:.2f} sigma)",
            f"m_resonance  {given(self.m_resonance, unit)}",
            f"m_x          {given(self.m_x, unit)}",
            f"m_y          {given(self.m_y, unit)}",
            f"n_signal     {given(self.n_signal, '', 'efficiency')}",
        ]
        if self.upper_limit is not None:
            lines.append(
                f"upper limit  {self.upper_limit['n_signal_95']:.1f} events at 95 % CLs "
                f"(narrow, inclusive, {mass_text(self.upper_limit['mass'])}{unit})"
            )
            selected = self.upper_limit.get("selected")
            if selected is not None:
                lines.append(
                    f"             {selected['n_signal_95']:.0f} from the events that pass the best cut "
                    f"({selected['cut_fraction']:.2%})"
                )
            if "cross_section_fb_95" in self.upper_limit:
                lines.append(f"             sigma x B x A < {self.upper_limit['cross_section_fb_95']:.3g} fb")
        return "\n".join([*lines[:2], *self._significance_lines(), *lines[2:], *self._doubts()])

    def _significance_lines(self) -> list[str]:
        """Return what else is known of the significance: how far it was tested, how much it varies, other searches."""
        lines = []
        if self.tested_to is not None:
            beyond = "; beyond by extrapolation" if self.z_global > self.tested_to else ""
            lines.append(f"             calibrated to {self.tested_to:.1f} sigma{beyond}")
        if self.z_stat is not None:
            lines.append(f"             {self.z_stat:.2f} sigma with statistical uncertainties only")
        if self.z_spread is not None:
            lines.append(f"             varies by {self.z_spread:.2f} sigma over single repeats of the training")
        for name, found in self.per_search.items():
            z_local, z_global = (found.get(key, math.nan) for key in ("z_local", "z_global"))
            chosen = " (the claim)" if name == self.search else ""
            lines.append(f"search       {name}: {z_local:.2f} sigma local, {z_global:.2f} sigma global{chosen}")
        return lines

    def _doubts(self) -> list[str]:
        lines = ["masses       NOT VERIFIED: a check of the masses failed"] if self.masses_verified is False else []
        return lines + [f"assumption   {sentence}" for sentence in self.assumptions]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Products(Result):
    """Everything a run found, enough to redraw the report without the events.

    ``hypothesis_scans`` are those of the prior-assisted search, a window each: significances over resonance and
    daughter masses; ``hypotheses`` is the map of the best of them.
    """

    inclusive: SpectrumFit
    scan: ScanResult
    peak_scan: PeakScan | None
    mass_fit: MassFit | None
    plane: JetPlane | None
    limit: UpperLimit | None
    cross_checks: tuple[CrossCheck, ...]
    training: TrainingHistory | None
    hypotheses: HypothesisMap | None = None
    limit_curve: LimitCurve | None = None
    hypothesis_scans: tuple[HypothesisScan, ...] = ()
    window_limits: WindowLimits | None = None
    prior_limits: WindowLimits | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnalysisResult(Result):
    """The content of ``result.json``.

    ``signals`` are further claimed resonances, each with the keys of ``answers``; ``data_quality`` counts what was
    found wrong with the input and what was done about it; ``looks`` says how often these events were looked at,
    and what the others said (number, text, plan: the hash of a frozen plan that was kept).
    """

    schema_version: str
    input: dict[str, Any]
    seed: int
    versions: dict[str, str]
    config: dict[str, Any]
    answers: Answers
    checks: tuple[Check, ...]
    stages: dict[str, Any]
    signals: tuple[Answers, ...] = ()
    data_quality: dict[str, Any] = field(default_factory=dict)
    looks: dict[str, Any] | None = None

    def __str__(self) -> str:
        lines = [str(self.answers)]
        lines += [f"\nfurther signal\n{signal}" for signal in self.signals]
        failed = [check.name for check in self.checks if not check.passed]
        if failed:
            lines.append(f"failed       {', '.join(failed)}")
        if (self.looks or {}).get("text"):
            lines.append(f"looks        {(self.looks or {})['text']}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return answers_html(self.answers)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlindWindow(Result):
    """What one window (in ``mass_unit``) at one cut is expected to show, from its sidebands alone.

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
    mass_unit: str = "GeV"

    def __str__(self) -> str:
        start = f"{mass_range(self.low, self.high)} {self.mass_unit} at {self.cut_fraction:.2%}"
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
