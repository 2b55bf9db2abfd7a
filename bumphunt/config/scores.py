"""All anomaly scores by name: what each learns from, and which keys of the config it obeys; none is loaded for it.

A new score is one new file with its class and one line in :data:`SCORES`; one that learns regions can then be chosen as
the classifier of the primary search (``cwola.classifier``).
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bumphunt.errors import ConfigError

Needs = Literal["regions", "unit", "features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One entry of the registry.

    Parameters
    ----------
    estimator : str
        ``module:Class`` of a scikit-learn estimator with ``anomaly_score``, loaded when it is first made. Its
        ``__init__`` takes the settings and ``seed`` by keyword.
    section : str
        The section of the config its settings are in.
    settings : tuple of str
        Keys of that section it obeys, by the names of its own parameters.
    needs : {"regions", "unit", "features"}
        What it learns from: ``regions``, the signal region against the sidebands, out of fold; ``unit``, features
        mapped to [0, 1], without regions; ``features``, as they are, without regions.
    suffix : str
        Ending of the file that its ``save`` writes and its ``load`` reads; empty where it has none, and its models
        cannot be kept.
    """

    estimator: str
    section: str
    settings: tuple[str, ...]
    needs: Needs
    suffix: str = ""


_NETWORK = (
    "hidden",
    "latent_dim",
    "activation",
    "reconstruction",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
)
_TREES = (
    "members",
    "max_iter",
    "learning_rate",
    "max_leaf_nodes",
    "min_samples_leaf",
    "l2_regularization",
    "max_bins",
)

SCORES: dict[str, Score] = {
    "trees": Score(
        estimator="bumphunt.scores.trees:BoostedTrees",
        section="cwola",
        settings=_TREES,
        needs="regions",
        suffix=".skops",
    ),
    "network": Score(
        estimator="bumphunt.scores.cwola_network:NetworkClassifier",
        section="cwola",
        settings=("members", "learning_rate"),
        needs="regions",
        suffix=".keras",
    ),
    "vae": Score(
        estimator="bumphunt.scores.vae:VariationalAutoencoder",
        section="vae",
        settings=(*_NETWORK, "zeta", "xi"),
        needs="unit",
    ),
    "autoencoder": Score(
        estimator="bumphunt.scores.autoencoder:Autoencoder", section="autoencoder", settings=_NETWORK, needs="unit"
    ),
    "mahalanobis": Score(
        estimator="bumphunt.scores.mahalanobis:MahalanobisDistance", section="", settings=(), needs="features"
    ),
}


def score_names(*, needs: Needs | None = None) -> tuple[str, ...]:
    """Return the names of all scores, or of those that learn from the one thing.

    Examples
    --------
    >>> "trees" in score_names(needs="regions"), "vae" in score_names(needs="regions")
    (True, False)
    """
    return tuple(name for name, score in SCORES.items() if needs in (None, score.needs))


def settings_that_do_not_apply(name: str) -> tuple[str, ...]:
    """Return the keys that other scores of the section obey and this one does not.

    Examples
    --------
    >>> "max_iter" in settings_that_do_not_apply("network"), "members" in settings_that_do_not_apply("network")
    (True, False)
    """
    score = score_named(name)
    others = [key for other in SCORES.values() if other.section == score.section for key in other.settings]
    return tuple(dict.fromkeys(key for key in others if key not in score.settings))


def check_settings(name: str, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse settings that were changed and that the chosen score does not obey.

    Parameters
    ----------
    name : str
        A key of :data:`SCORES`.
    settings, defaults : mapping
        The section of the config as it is and by default.

    Raises
    ------
    ConfigError
        If there is no such score, or a key that does not apply differs from its default.

    Examples
    --------
    >>> check_settings("network", {"max_bins": 16}, {"max_bins": 32})
    Traceback (most recent call last):
    bumphunt.errors.ConfigError: cwola.max_bins is 16, but the score 'network' has no such setting; leave it out, or \
choose trees
    """
    section = score_named(name).section
    for key in settings_that_do_not_apply(name):
        if key in settings and settings[key] != defaults.get(key):
            obeying = [other for other, score in SCORES.items() if score.section == section and key in score.settings]
            raise ConfigError(
                f"{section}.{key} is {settings[key]!r}, but the score {name!r} has no such setting; "
                f"leave it out, or choose {_listed(obeying)}"
            )


def score_named(name: str, *, needs: Needs | None = None) -> Score:
    """Return the entry of a score, or refuse the name with the closest known one.

    Parameters
    ----------
    name : str
        A key of :data:`SCORES`.
    needs : {"regions", "unit", "features"}, optional
        What the score has to learn from.

    Raises
    ------
    ConfigError
        If there is no such score, or it learns from something else.
    """
    known = score_names(needs=needs)
    if name in known:
        return SCORES[name]
    why = f"the score {name!r} does not learn from {needs}" if name in SCORES else f"there is no score {name!r}"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    meant = f"did you mean {near[0]}? There is" if near else "choose"
    raise ConfigError(f"{why}; {meant} {_listed(known)}")


def _listed(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
