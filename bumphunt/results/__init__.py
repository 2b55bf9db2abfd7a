"""What each stage found: frozen dataclasses that carry all their figures need, to and from JSON."""

from bumphunt.results.analysis import (
    READABLE_VERSIONS,
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
from bumphunt.results.hypotheses import HypothesisScan
from bumphunt.results.limits import LESS_SENSITIVE, MethodLimit, ModelLimit, SignalLimits
from bumphunt.results.maps import HypothesisMap, LimitCurve, LimitPlane, WindowLimits
from bumphunt.results.masses import Interval, JetMassScale, JetPlane, MassFit, PeakScan, Projection
from bumphunt.results.naming import DIJET_MASS, mass_named, name_mass
from bumphunt.results.rounding import pdg_round
from bumphunt.results.spectra import ScanResult, SelectedLimit, SpectrumFit, UpperLimit, WindowResult

__all__ = [
    "DIJET_MASS",
    "LESS_SENSITIVE",
    "READABLE_VERSIONS",
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
    "HypothesisScan",
    "Interval",
    "JetMassScale",
    "JetPlane",
    "LimitCurve",
    "LimitPlane",
    "MassFit",
    "MethodLimit",
    "ModelLimit",
    "PeakScan",
    "Products",
    "Projection",
    "Result",
    "ScanResult",
    "SelectedLimit",
    "SignalLimits",
    "SpectrumFit",
    "TrainingHistory",
    "UpperLimit",
    "WindowLimits",
    "WindowResult",
    "mass_named",
    "name_mass",
    "pdg_round",
]
