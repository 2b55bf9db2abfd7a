"""What each stage found: frozen dataclasses that carry all their figures need, to and from JSON."""

from bumphunt.results.analysis import (
    SCHEMA_VERSION,
    AnalysisResult,
    Answers,
    BlindResult,
    BlindWindow,
    Check,
    CrossCheck,
    Products,
    TrainingHistory,
)
from bumphunt.results.base import BoolArray, FloatArray, Result
from bumphunt.results.hypotheses import HypothesisMap
from bumphunt.results.masses import Interval, JetPlane, MassFit, PeakScan, Projection, pdg_round
from bumphunt.results.spectra import ScanResult, SpectrumFit, UpperLimit, WindowResult

__all__ = [
    "SCHEMA_VERSION",
    "AnalysisResult",
    "Answers",
    "BlindResult",
    "BlindWindow",
    "BoolArray",
    "Check",
    "CrossCheck",
    "FloatArray",
    "HypothesisMap",
    "Interval",
    "JetPlane",
    "MassFit",
    "PeakScan",
    "Products",
    "Projection",
    "Result",
    "ScanResult",
    "SpectrumFit",
    "TrainingHistory",
    "UpperLimit",
    "WindowResult",
    "pdg_round",
]
