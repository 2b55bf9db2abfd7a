"""Signal models that limits are asked for: tables of simulated events, or masses within the shipped response."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.config.analysis import LEAST_DIJET_MASS
from bumphunt.errors import InputError
from bumphunt.events import common_weight
from bumphunt.jobs.intake import take_in
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.pipeline.final_state import is_dijet
from bumphunt.rng import generator

DRAWN = 8_000
"""Signal events drawn from the shipped response of one hypothesis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelEvents:
    """Simulated events of one model, as a file of data would hold them.

    ``key`` names the events by their content; ``acceptance`` is the part of produced events that they are.
    """

    name: str
    key: str
    table: pd.DataFrame
    masses: Masses | None = None
    acceptance: float = 1.0


def read_model(source: pd.DataFrame | str | Path, config: AnalysisConfig, *, acceptance: float = 1.0) -> ModelEvents:
    """Return the events of a model in a table or a file, made ready as data are; columns of truth are left out.

    Raises
    ------
    InputError
        If the events cannot be used.
    """
    taken = take_in(source, config, networks=False)
    name = "signal" if isinstance(source, pd.DataFrame) else Path(source).name
    common_weight(taken.events, name=name)
    return ModelEvents(name=name, key=str(taken.source["content"]), table=taken.events, acceptance=acceptance)


def model_of_masses(masses: Sequence[float], config: AnalysisConfig, *, seed: int) -> ModelEvents:
    """Return events of given masses (m_resonance, m_x, m_y in GeV) from the response that the configuration names.

    Raises
    ------
    InputError
        If the final state is another, or the masses are outside the simulated range.
    """
    if not is_dijet(config):
        raise InputError("masses within a simulated response speak of dijets; give a file of simulated signal instead")
    table = response_named(config.masses.response).table
    given = check_masses(masses, table)
    model = signal_model(table, given)
    rng = generator(seed, "limit signal", *(round(mass) for mass in given))
    events = draw_signal(model, DRAWN, rng=rng).table(given)
    name = "/".join(f"{mass:g}" for mass in given) + " GeV"
    key = hashlib.sha256(f"{given} {seed} {DRAWN}".encode()).hexdigest()
    # in the order of one mass as they come, so that any first part would be another signal
    shuffled = events.iloc[rng.permutation(len(events))].reset_index(drop=True)
    return ModelEvents(name=name, key=key, table=shuffled, masses=given, acceptance=float(model.accepted))


def _listed(masses: Sequence[float]) -> str:
    return " ".join(f"{mass:g}" for mass in masses)


def check_masses(masses: Sequence[float], table: SignalTable) -> Masses:
    """Return masses with the heavier daughter first, or refuse those that the simulated samples do not reach.

    Examples
    --------
    >>> from bumphunt.masses.signal_table import load_signal
    >>> check_masses([3500, 100, 500], load_signal())
    (3500.0, 500.0, 100.0)
    """
    if len(masses) != 3 or not all(np.isfinite(mass) and mass > 0 for mass in masses):
        raise InputError(f"masses {tuple(masses)}: give m_resonance, m_x and m_y, three numbers above 0 in GeV")
    m_resonance, m_x, m_y = float(masses[0]), float(max(masses[1:])), float(min(masses[1:]))
    simulated = table.masses
    low, high = float(simulated[:, 0].min()), float(simulated[:, 0].max())
    ratios = simulated[:, 1:] / simulated[:, :1]
    least, most = float(ratios.min()), float(ratios.max())
    if max(map(float, masses)) < LEAST_DIJET_MASS:
        raise InputError(f"masses {_listed(masses)} look like TeV; give GeV: multiply by 1000")
    in_order = sorted(map(float, masses), reverse=True)
    if m_resonance < in_order[0] and low <= in_order[0] <= high:
        raise InputError(
            f"masses {_listed(masses)}: the first is that of the resonance, the heaviest; write {_listed(in_order)}"
        )
    if not low <= m_resonance <= high:
        raise InputError(
            f"m_resonance {m_resonance:g} GeV is outside the simulated range of {low:.0f} to {high:.0f} GeV; "
            "give a file of simulated signal instead"
        )
    for mass in (m_x, m_y):
        if not least <= mass / m_resonance <= most:
            raise InputError(
                f"a daughter of {mass:g} GeV at m_resonance {m_resonance:g} GeV is outside the simulated range of "
                f"{least * m_resonance:.0f} to {most * m_resonance:.0f} GeV; give a file of simulated signal instead"
            )
    return m_resonance, m_x, m_y
