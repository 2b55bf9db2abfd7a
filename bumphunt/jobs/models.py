"""Trained fold models in a folder, without pickle, and what others need to apply them: ``bumphunt run --save-models``.

``models.json`` says what they are and has a checksum of each file; ``tables.npz`` holds the distributions that turn
raw scores into ranks and the decorrelation of the features; each model is a file of its own.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt import __version__
from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.config.scores import SCORES, score_named
from bumphunt.errors import ConfigError, InputError, as_line
from bumphunt.files import file_sha256, replace_folder, write_atomically, write_json
from bumphunt.jobs.provenance import versions
from bumphunt.pipeline.frozen_selection import FrozenSelection
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation, Steps
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.scores.onnx_trees import onnx_tools, trees_to_onnx
from bumphunt.scores.protocol import Classifier
from bumphunt.scores.ranks import RankTable
from bumphunt.scores.repeats import RepeatedModels

MODELS = "models"
"""Folder of the models in that of a run."""

FORMAT = 1

_MARK, _TABLES = "models.json", "tables.npz"


def save_models(folder: str | Path, frozen: FrozenSelection, config: AnalysisConfig, *, onnx: bool = False) -> Path:
    """Write a frozen selection into a folder, whole or not at all; what the folder held before is replaced.

    Parameters
    ----------
    folder : path
        The one above it must exist.
    frozen : FrozenSelection
        The selection.
    config : AnalysisConfig
        Settings of the run, which say how new events are read.
    onnx : bool
        Write each model as ONNX as well; they take features as they are after the decorrelation.

    Raises
    ------
    ConfigError
        If ONNX is asked for and the models are no trees.
    MissingExtraError
        If it is and ``bumphunt[onnx]`` is missing.
    """
    if onnx:
        check_onnx(config)

    def fill(part: Path) -> None:
        classifier = config.cwola.classifier
        for name, model in _named(frozen.models.models, SCORES[classifier].suffix):
            model.save(part / name)
            if onnx:
                content = trees_to_onnx(model)
                (part / name).with_suffix(".onnx").write_bytes(content)
        write_atomically(part / _TABLES, lambda path: np.savez(path, allow_pickle=False, **_arrays(frozen)))
        files = {path.name: file_sha256(path) for path in sorted(part.iterdir())}
        write_json(
            part / _MARK,
            {
                "format": FORMAT,
                "version": __version__,
                "versions": versions(),
                "classifier": classifier,
                "config": config.model_dump(mode="json"),
                "seed": frozen.seed,
                "events": frozen.digest,
                "resonance": frozen.resonance,
                "sqrt_s": config.sqrt_s,
                "features": list(frozen.features),
                "content": list(frozen.content),
                "searched": [frozen.low, frozen.high],
                "window": {name: getattr(frozen.window, name) for name in MassWindow.__dataclass_fields__},
                "folds": list(frozen.folds),
                "combine": frozen.models.combine,
                "cut_fractions": list(frozen.cuts),
                "best_cut_fraction": frozen.best,
                "files": files,
            },
        )

    return replace_folder(folder, fill)


def load_models(folder: str | Path) -> tuple[FrozenSelection, AnalysisConfig]:
    """Read what :func:`save_models` wrote, after its checksums.

    Raises
    ------
    InputError
        If the folder has no models, or a file is missing, damaged, or of another version.
    """
    path = Path(folder)
    mark = path / _MARK
    if not mark.is_file():
        raise InputError(f"{path} has no models: there is no {_MARK}; give the folder that `run --save-models` wrote")
    try:
        saved = json.loads(mark.read_bytes())
        if saved["format"] != FORMAT:
            raise InputError(
                f"{mark} has format {saved['format']!r}, not {FORMAT}; run the analysis again with this version"
            )
        score, folds = score_named(saved["classifier"]), tuple(int(number) for number in saved["folds"])
        suffix = score.suffix
        names = [_TABLES, *(_name(r, f, suffix) for r, number in enumerate(folds) for f in range(number))]
        for name in names:
            _check(path / name, saved["files"][name])
        arrays = _read_arrays(path / _TABLES)
        module, cls = score.estimator.split(":")
        load = getattr(import_module(module), cls).load
        return _frozen(saved, arrays, folds, lambda r, f: load(path / _name(r, f, suffix))), config_from_dict(
            saved["config"]
        )
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: the models are damaged or of another version ({error}); save them again with `run --save-models`"
        ) from error


def check_onnx(config: AnalysisConfig) -> None:
    """Refuse to write models as ONNX that no kept converter knows, or without what writes it.

    Raises
    ------
    ConfigError
        If the models are no trees.
    MissingExtraError
        Without ``bumphunt[onnx]``.
    """
    if config.cwola.classifier != "trees":
        raise ConfigError(f"ONNX is written of cwola.classifier: trees only, not {config.cwola.classifier}")
    onnx_tools()


def _frozen(saved: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], folds: tuple[int, ...], load: Any) -> Any:
    def table(name: str) -> RankTable:
        return RankTable(
            **_rising(arrays, name, tuple(RankTable.__dataclass_fields__), least=1)  # what scores are looked up in
        )

    models: list[tuple[Classifier, ...]] = []
    tables: list[tuple[RankTable, ...]] = []
    for repeat, number in enumerate(folds):
        models.append(tuple(load(repeat, fold) for fold in range(number)))
        tables.append(tuple(table(f"table_{repeat:03d}_{fold:02d}") for fold in range(number)))
    return FrozenSelection(
        models=RepeatedModels(
            models=tuple(models), tables=tuple(tables), average=table("average"), combine=saved["combine"]
        ),
        decorrelation=decorrelation_from(arrays),
        resonance=saved["resonance"],
        features=tuple(saved["features"]),
        content=tuple(saved["content"]),
        window=MassWindow(**saved["window"]),
        low=float(saved["searched"][0]),
        high=float(saved["searched"][1]),
        folds=folds,
        cuts=tuple(float(cut) for cut in saved["cut_fractions"]),
        best=float(saved["best_cut_fraction"]),
        seed=int(saved["seed"]),
        digest=saved["events"],
    )


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # numpy and zipfile raise anything from KeyError to BadZipFile on a damaged file
        raise ValueError(f"{path.name}: {as_line(error, length=100)}") from error


def _rising(
    arrays: dict[str, npt.NDArray[Any]], name: str, parts: tuple[str, ...], *, least: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a table, after a look whether something can be looked up in them at all."""
    found = {part: arrays[f"{name}_{part}"] for part in parts}
    length = len(found["values"])
    for part, values in found.items():
        if values.dtype.kind != "f" or values.shape != (length,) or length < least or not np.isfinite(values).all():
            raise ValueError(f"{name}_{part} is no list of numbers as long as the others")
    if not (np.diff(found["values"]) > 0).all():
        raise ValueError(f"{name}_values do not rise")
    return found


def _arrays(frozen: FrozenSelection) -> dict[str, npt.NDArray[Any]]:
    tables = {"average": frozen.models.average}
    for repeat, row in enumerate(frozen.models.tables):
        tables |= {f"table_{repeat:03d}_{fold:02d}": each for fold, each in enumerate(row)}
    arrays = {
        f"{name}_{part}": np.asarray(getattr(each, part))
        for name, each in tables.items()
        for part in RankTable.__dataclass_fields__
    }
    if frozen.decorrelation is not None:
        arrays |= decorrelation_arrays(frozen.decorrelation)
    return arrays


def decorrelation_arrays(decorrelation: SmoothDecorrelation) -> dict[str, npt.NDArray[Any]]:
    """Return what a decorrelation has learned, to be stored."""
    arrays = {
        "decorrelation_centre": np.array(decorrelation.centre_),
        "decorrelation_coefficients": decorrelation.coefficients_,
    }
    for column, steps in enumerate(decorrelation.steps_):
        if steps is not None:
            arrays |= {f"steps_{column}_values": steps.values, f"steps_{column}_upto": steps.upto}
    return arrays


def decorrelation_from(arrays: dict[str, npt.NDArray[Any]]) -> SmoothDecorrelation | None:
    """Rebuild a decorrelation from what was stored of it, if anything."""
    if "decorrelation_centre" not in arrays:
        return None
    decorrelation = SmoothDecorrelation()
    decorrelation.centre_ = float(arrays["decorrelation_centre"])
    decorrelation.coefficients_ = arrays["decorrelation_coefficients"]
    if decorrelation.coefficients_.ndim != 3 or decorrelation.coefficients_.dtype.kind != "f":
        raise ValueError("the coefficients of the decorrelation are no numbers in three dimensions")
    names = [f"steps_{column}" for column in range(len(decorrelation.coefficients_))]
    decorrelation.steps_ = tuple(
        Steps(**_rising(arrays, name, tuple(Steps.__dataclass_fields__))) if f"{name}_values" in arrays else None
        for name in names
    )
    return decorrelation


def _named(models: tuple[tuple[Classifier, ...], ...], suffix: str) -> list[tuple[str, Any]]:
    return [(_name(r, f, suffix), model) for r, row in enumerate(models) for f, model in enumerate(row)]


def _name(repeat: int, fold: int, suffix: str) -> str:
    return f"repeat_{repeat:03d}_fold_{fold:02d}{suffix}"


def _check(path: Path, digest: str) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing; save the models again with `run --save-models`")
    if file_sha256(path) != digest:
        raise InputError(
            f"{path} is not what was saved: its checksum differs; save the models again with `run --save-models`"
        )
