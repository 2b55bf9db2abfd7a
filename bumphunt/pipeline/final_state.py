"""What a configuration says of the final state: its resonance, its daughters, its features. Dijets are the preset."""

from typing import Any

import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import DAUGHTERS, FEATURES, FinalState

CWOLA_FEATURES = (*DAUGHTERS, "tau21_1", "tau21_2")
"""Features of the primary score for dijets where the config names none: few, so that rare signal is not drowned."""


def is_dijet(config: AnalysisConfig) -> bool:
    """Tell whether the final state is the preset, of which the simulated response speaks."""
    return config.is_dijet


def final_state_of(config: AnalysisConfig) -> FinalState:
    """Return the final state that a configuration describes."""
    return FinalState(
        resonance=config.resonance.column,
        unit=config.resonance.unit,
        label=config.resonance.label,
        daughters=config.daughters,
        features=FEATURES if is_dijet(config) else tuple(config.features or ()),
    )


def score_features(config: AnalysisConfig, table: pd.DataFrame) -> list[str]:
    """Return the columns that the primary score sees.

    Raises
    ------
    InputError
        If none are named for another final state than dijets.
    """
    named = config.cwola.features or config.features
    if named:
        return list(named)
    found = [name for name in CWOLA_FEATURES if name in table.columns]
    if not found:
        raise InputError(
            f"the score has no features: none of {', '.join(CWOLA_FEATURES)} is in the table; "
            "name columns with 'features: [...]' in the configuration"
        )
    return found


def content_columns(config: AnalysisConfig, table: pd.DataFrame) -> list[str]:
    """Return the columns that make an event what it is: resonance, daughters, and all features there are.

    Known columns of words, dates or complex numbers are left out; one that a search uses has been refused before.
    """
    sections = (config.features, config.cwola.features, config.vae.features, config.autoencoder.features)
    named = [name for features in sections for name in features or ()]
    every = [config.resonance.column, *(config.daughters or ()), *FEATURES, *named]
    return [name for name in dict.fromkeys(every) if name in table.columns and _is_real(table[name].dtype)]


def _is_real(kind: Any) -> bool:
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)
