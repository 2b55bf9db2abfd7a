"""Weak supervision in a latent space: a classifier that sees an event only as the VAE encodes it."""

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.files import write_atomically
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.estimators import BinaryClassifier
from bumphunt.scores.protocol import BoolArray, Features, Validation, check_training
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.vae import VariationalAutoencoder

COLUMNS = ("mean", "log_var")

_CLASSIFIERS: dict[str, tuple[type[BoostedTrees] | type[NetworkClassifier], str]] = {
    "BoostedTrees": (BoostedTrees, "classifier.skops"),
    "NetworkClassifier": (NetworkClassifier, "classifier.keras"),
}


class Encoder(Protocol):
    """What :func:`latent_features` needs of a model, such as a fitted ``VariationalAutoencoder``."""

    def encode(self, features: Features) -> tuple[FloatArray, FloatArray]:
        """Return mean and log variance, each of shape (events, latent dimensions)."""
        ...


def latent_features(model: Encoder, features: Features, *, columns: tuple[str, ...] = ("mean",)) -> FloatArray:
    r"""Return events as a VAE encodes them, to be the features of a classifier.

    Parameters
    ----------
    model : Encoder
        A fitted VAE.
    features : array_like or pandas.DataFrame
        Shape (events, features), in [0, 1]; a table with truth is refused.
    columns : tuple of {"mean", "log_var"}
        The latent means :math:`\mu`, or with them or instead :math:`\log\sigma^2`.

    Returns
    -------
    array of shape (events, latent dimensions × columns)
    """
    if not columns or not set(columns) <= set(COLUMNS):
        raise ConfigError(f"columns are {tuple(columns)}; choose among {', '.join(COLUMNS)}")
    parts = dict(zip(COLUMNS, model.encode(features), strict=True))
    return np.concatenate([parts[name] for name in columns], axis=1)


class LatentClassifier(BinaryClassifier):
    """A VAE and a classifier in its latent space, trained one after the other on the same events.

    It is a base of weak supervision like any other, so that in
    :func:`~bumphunt.scores.weak_supervision.out_of_fold_scores` the VAE too is trained without the
    events that are scored, and nothing of the score has seen them.

    Parameters
    ----------
    encoder : VariationalAutoencoder, optional
        Unfitted: a copy is trained in :meth:`fit`, on both classes together and without being told which is which.
        Fitted: used as it is, which is cheaper, but a VAE that has seen the events to be scored is
        not out of fold, and its score is good for a cross-check only; scikit-learn's ``clone`` makes it unfitted.
        By default one of four latent dimensions.
    classifier : BoostedTrees or NetworkClassifier, optional
        A copy is trained. By default boosted trees.
    columns : tuple of {"mean", "log_var"}
        What the classifier sees of the latent space; see :func:`latent_features`.

    Attributes
    ----------
    encoder_, classifier_
        The trained parts.
    """

    def __init__(
        self,
        encoder: VariationalAutoencoder | None = None,
        classifier: BoostedTrees | NetworkClassifier | None = None,
        *,
        columns: tuple[str, ...] = ("mean",),
    ) -> None:
        self.encoder = encoder
        self.classifier = classifier
        self.columns = columns

    def fit(
        self,
        features: FloatArray,
        positive: BoolArray,
        *,
        weights: FloatArray | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Train on ``features`` (events, features), in [0, 1], to find the events flagged ``positive``.

        Raises
        ------
        TruthError
            If the truth column is among the features or given as the classes.
        InputError
            If there is only one class, or features are not in [0, 1] or not finite.
        """
        features, positive, sample = check_training(features, positive, weights)
        encoder = VariationalAutoencoder(latent_dim=4) if self.encoder is None else self.encoder
        self.encoder_ = encoder if hasattr(encoder, "network_") else clone(encoder).fit(features)
        self.n_features_in_ = features.shape[1]
        if validation is not None:
            validation = Validation(
                features=self._encoded(validation.features), positive=validation.positive, weights=validation.weights
            )
        classifier = BoostedTrees() if self.classifier is None else clone(self.classifier)
        self.classifier_ = classifier.fit(self._encoded(features), positive, weights=sample, validation=validation)
        self.classes_ = np.array([False, True])
        return self

    def member_scores(self, features: FloatArray) -> FloatArray:
        """Return the log-odds each member gives each event, shape (members, events)."""
        self._check_fitted()
        return self.classifier_.member_scores(self._encoded(features))

    def save(self, path: str | Path) -> None:
        """Write both models to one ``.zip`` file, without pickle."""
        target = Path(path)
        if target.suffix != ".zip" or not target.parent.is_dir():
            raise InputError(f"{target}: give a name that ends in '.zip' in a folder that exists")
        self._check_fitted()
        kind = type(self.classifier_).__name__

        def write(part: Path) -> None:
            with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(part, "w") as archive:
                self._save_parts(archive, Path(folder), _CLASSIFIERS[kind][1])
                archive.writestr("settings.json", json.dumps({"classifier": kind, "columns": list(self.columns)}))

        write_atomically(target, write)

    def _save_parts(self, archive: zipfile.ZipFile, folder: Path, name: str) -> None:
        parts: dict[str, Callable[[Path], None]] = {"encoder.keras": self.encoder_.save, name: self.classifier_.save}
        for part, save in parts.items():
            save(folder / part)
            archive.write(folder / part, part)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is missing, damaged, or holds something else.
        """
        try:
            with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
                settings = json.loads(archive.read("settings.json"))
                kind, name = _CLASSIFIERS[settings["classifier"]]
                columns = tuple(settings["columns"])
                # Only the two known names are unpacked, whatever else the archive may hold.
                encoder = VariationalAutoencoder.load(archive.extract("encoder.keras", folder))
                classifier = kind.load(archive.extract(name, folder))
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file") from error
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not a saved latent classifier ({error}); write it with save") from error
        model = cls(encoder, classifier, columns=columns)
        model.encoder_, model.classifier_ = encoder, classifier
        model.n_features_in_, model.classes_ = encoder.n_features_in_, np.array([False, True])
        return model

    def _encoded(self, features: npt.ArrayLike) -> FloatArray:
        self._check_fitted()
        return latent_features(self.encoder_, features, columns=self.columns)

    def _check_fitted(self) -> None:
        if not hasattr(self, "encoder_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")
