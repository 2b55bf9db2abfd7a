"""The configuration of an analysis: strict models, YAML in and out, a commented default."""

from bumphunt.config.analysis import AnalysisConfig
from bumphunt.config.reading import config_from_dict, default_yaml, load_config
from bumphunt.config.sections import ChecksConfig, CwolaConfig, MassesConfig, ResonanceConfig, SearchConfig, VaeConfig

__all__ = [
    "AnalysisConfig",
    "ChecksConfig",
    "CwolaConfig",
    "MassesConfig",
    "ResonanceConfig",
    "SearchConfig",
    "VaeConfig",
    "config_from_dict",
    "default_yaml",
    "load_config",
]
