"""Anomaly scores by name: an untrained estimator from a section of the config and a seed.

The names stand in :mod:`bumphunt.config.scores`, where the configuration knows them too.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bumphunt.config.scores import score_named


def make_score(name: str, settings: Mapping[str, Any] | None = None, *, seed: int = 0) -> Any:
    """Return an untrained estimator.

    Parameters
    ----------
    name : str
        A key of :data:`SCORES`.
    settings : mapping, optional
        The section of the config, with keys of other scores or of none. A key that is absent or None keeps the
        estimator's default.
    seed : int
        Its seed.

    Raises
    ------
    ConfigError
        If there is no such score.
    """
    score = score_named(name)
    given = {key: value for key, value in (settings or {}).items() if key in score.settings and value is not None}
    module, cls = score.estimator.split(":")
    return getattr(import_module(module), cls)(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}, seed=seed
    )
