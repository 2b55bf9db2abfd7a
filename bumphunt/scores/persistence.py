"""Trained models on disk, without pickle: skops for scikit-learn, ``.keras`` for networks.

A file is written under a temporary name and renamed, so that a reader never meets half a model.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bumphunt.errors import InputError
from bumphunt.files import write_atomically

Estimator = TypeVar("Estimator")

TRUSTED_TYPES: tuple[str, ...] = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)
"""Types beyond the defaults of skops that a file may hold: the insides of scikit-learn's trees and perceptrons."""


def save_estimator(estimator: Any, path: str | Path) -> None:
    """Write a scikit-learn estimator, or a list or dict of them, to a ``.skops`` file."""
    import skops.io

    write_atomically(_target(path, ".skops"), lambda part: skops.io.dump(estimator, part))


def load_estimator(path: str | Path, *, trusted: Sequence[str] = TRUSTED_TYPES) -> Any:
    """Read what :func:`save_estimator` wrote.

    Parameters
    ----------
    path : path-like
        A ``.skops`` file.
    trusted : sequence of str
        Full names of the types it may hold beyond the defaults of skops; a file with any other is refused.

    Raises
    ------
    InputError
        If the file is missing, is not a skops file, or holds a type that is not trusted.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    source = _source(path)
    try:
        return skops.io.load(source, trusted=list(trusted))
    except UntrustedTypesFoundException as error:
        raise InputError(f"{source}: {error}; refused, since only a file of known types is safe to load") from error
    except Exception as error:  # skops and zipfile raise anything from KeyError to BadZipFile on a damaged file
        raise InputError(
            f"{source}: not a readable skops file ({error}); write it again with save_estimator"
        ) from error


def save_learned(estimator: Any, path: str | Path) -> None:
    """Write an estimator's settings and what it learned to a ``.skops`` file: arrays, numbers, trees and names."""
    save_estimator(_plain(estimator), path)


def load_learned(cls: type[Estimator], path: str | Path, *, members: Sequence[type] = ()) -> Estimator:
    """Read what :func:`save_learned` wrote of an estimator of this class, which may hold others of ``members``.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds another estimator.
    """
    stored = load_estimator(path)
    found = stored.get("estimator") if isinstance(stored, dict) else None
    if found != cls.__name__:
        raise InputError(f"{path}: holds {found or 'something else'}, not {cls.__name__}; load it as what it is")
    try:
        return _restored(cls, stored, {member.__name__: member for member in members})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: written by another version ({error}); train and save it again") from error


def _plain(value: Any) -> Any:
    """Return an estimator, or what it learned, as what a file of known types can hold."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "get_params") and type(value).__module__.startswith("bumphunt."):
        learned = {name: _plain(item) for name, item in vars(value).items() if name.endswith("_")}
        return {"estimator": type(value).__name__, "parameters": value.get_params(deep=False), "learned": learned}
    if hasattr(value, "save_raw"):
        return {"booster": np.frombuffer(value.save_raw("ubj"), dtype=np.uint8)}
    return value


def _restored(cls: type[Estimator], stored: dict[str, Any], members: dict[str, type]) -> Estimator:
    model = cls(**stored["parameters"])
    for name, value in stored["learned"].items():
        setattr(model, name, _from_plain(value, members))
    return model


def _from_plain(value: Any, members: dict[str, type]) -> Any:
    if isinstance(value, list):
        return [_from_plain(item, members) for item in value]
    if isinstance(value, dict) and "booster" in value:
        import xgboost

        return xgboost.Booster(params={"nthread": 1}, model_file=bytearray(value["booster"].tobytes()))
    if isinstance(value, dict) and "estimator" in value:
        return _restored(members[value["estimator"]], value, members)
    return value


def save_network(network: Any, path: str | Path) -> None:
    """Write a Keras model, with its weights and settings, to a ``.keras`` file."""
    with warnings.catch_warnings():
        # TensorFlow's tensors do not yet take numpy's copy keyword, and Keras converts them on saving.
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        write_atomically(_target(path, ".keras"), network.save)


def load_network(path: str | Path) -> Any:
    """Read what :func:`save_network` wrote; code inside the file is never run (Keras safe mode).

    Raises
    ------
    InputError
        If the file is missing or is not a Keras model.
    """
    # Imported for the classes it registers, which a file of ours refers to by name.
    from bumphunt.scores.layers import keras

    source = _source(path)
    try:
        return keras.saving.load_model(source, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises anything from OSError to KeyError on a damaged file
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{source}: not a readable Keras model ({line}); write it again with save_network") from error


def load_network_of(path: str | Path, estimator: str) -> tuple[Any, dict[str, Any]]:
    """Read the network and the settings that an estimator of this name saved.

    Raises
    ------
    InputError
        As for :func:`load_network`, or if another estimator wrote the file.
    """
    network = load_network(path)
    settings: dict[str, Any] = getattr(network, "settings_json", {})
    found = settings.get("estimator")
    if found != estimator:
        raise InputError(f"{path}: holds {found or 'another Keras model'}, not {estimator}; load it as what it is")
    return network, settings


def _target(path: str | Path, suffix: str) -> Path:
    target = Path(path)
    if target.suffix != suffix:
        raise InputError(f"{target}: the name of such a file must end in {suffix!r}")
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; make it first")
    return target


def _source(path: str | Path) -> Path:
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    return source
