"""What the studies share: settings, and a JSON and figures each that are made once and kept until something changes."""

import hashlib
import inspect
import io
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from origin import stamped
from PIL import Image

import bumphunt
from bumphunt.plots.style import style

T = TypeVar("T")
FEATURES = ("mj1", "mj2", "tau21_1", "tau21_2", "tau32_1", "tau32_2", "massdrop_1", "massdrop_2")
MASSES = ("mjj", "mj1", "mj2")
SYMBOLS = {
    "mjj": r"$m_{jj}$ [GeV]",
    "mj1": r"$m_{j1}$ [GeV]",
    "mj2": r"$m_{j2}$ [GeV]",
    "tau21_1": r"$(\tau_2/\tau_1)_1$",
    "tau21_2": r"$(\tau_2/\tau_1)_2$",
    "tau32_1": r"$(\tau_3/\tau_2)_1$",
    "tau32_2": r"$(\tau_3/\tau_2)_2$",
    "massdrop_1": "mass drop$_1$",
    "massdrop_2": "mass drop$_2$",
}


@dataclass(frozen=True)
class Settings:
    """Where a study reads and writes, and how large it is.

    ``sample`` is labelled, ``box`` is not; ``box_run`` is where the package's own analysis of the box lies or goes;
    ``mnist`` is a ``mnist.npz`` or None.
    """

    quick: bool = False
    sample: Path = Path("data/lhco_rnd.parquet")
    box: Path = Path("data/blackbox.parquet")
    box_run: Path = Path("out/blackbox")
    mnist: Path | None = None
    output: Path = Path("out/studies")
    workers: int = 1
    seed: int = 1

    def pick(self, quick: T, full: T) -> T:
        """Return the one or the other."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Findings:
    """Numbers of a study, and its figures by file name."""

    numbers: dict[str, Any]
    figures: dict[str, Figure]


Study = Callable[[Settings], Findings]


def labelled(settings: Settings, *, background: int, signal: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return so many events of the labelled sample in random order, without truth, and their truth."""
    events = pd.read_parquet(settings.sample)
    truth = bumphunt.events.truth_labels(events)
    rng = np.random.default_rng(settings.seed)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(kind))[:number] for kind, number in ((~truth, background), (truth, signal))]
    )
    rows = rng.permutation(rows)
    return bumphunt.events.drop_truth(events.iloc[rows].reset_index(drop=True)), truth[rows]


def perform(module: ModuleType, settings: Settings, *, again: bool = False) -> dict[str, Any]:
    """Run a study unless its record is there and was made by the same code, settings and inputs.

    Parameters
    ----------
    module : module
        Has ``run``, a function of the settings, and ``INPUTS``, the names of the settings that are files it reads.
    settings : Settings
        Its record is written to ``output`` as NAME.json, its figures beside it.
    again : bool
        Run it in any case.
    """
    name = module.__name__
    target = settings.output / f"{name}.json"
    mark = fingerprint(module, settings)
    if target.exists() and not again:
        kept: dict[str, Any] = json.loads(target.read_text("utf-8"))
        if kept["fingerprint"] == mark and all((settings.output / file).exists() for file in kept["figures"]):
            print(f"{name}: up to date", flush=True)
            return kept
    begun, cpu = time.monotonic(), time.process_time()
    with style():
        findings = module.run(settings)
    settings.output.mkdir(parents=True, exist_ok=True)
    files = [save(figure, settings.output / f"{stem}.png").name for stem, figure in findings.figures.items()]
    record = {
        "study": name,
        "quick": settings.quick,
        "seed": settings.seed,
        "fingerprint": mark,
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "figures": files,
        "numbers": plain(findings.numbers),
    }
    write(target, json.dumps(stamped(record, seed=settings.seed), indent=1) + "\n")
    print(f"{name}: {record['seconds']:.0f} s, {len(files)} figures", flush=True)
    return record


def fingerprint(module: ModuleType, settings: Settings) -> str:
    """Return a hash of the study's source, the package's version, the settings and the files it reads."""
    digest = hashlib.sha256()
    digest.update(inspect.getsource(module).encode())
    digest.update(f"{bumphunt.__version__} {settings.quick} {settings.seed}".encode())
    for name in module.INPUTS:
        path = getattr(settings, name)
        digest.update(name.encode() if path is None or not path.exists() else path.read_bytes())
    return digest.hexdigest()[:16]


def save(figure: Figure, path: Path, *, dpi: int = 130) -> Path:
    """Write a PNG of at most 255 colours, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    pixels = io.BytesIO()
    with style():
        figure.savefig(pixels, format="png", dpi=dpi)
    Image.open(pixels).convert("RGB").quantize(255, kmeans=2).save(part, format="png", optimize=True)
    part.replace(path)
    return path


def write(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, "utf-8")
    part.replace(path)


def plain(value: Any) -> Any:
    """Return numbers, lists and dictionaries that JSON can hold; six digits are enough for a study."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def chosen(names: Iterable[str] | None, modules: Iterable[ModuleType]) -> list[ModuleType]:
    """Return the modules of those names, or all."""
    by_name = {module.__name__: module for module in modules}
    wanted = list(by_name) if not names else list(names)
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise SystemExit(f"no study {unknown[0]!r}; there are {', '.join(by_name)}")
    return [by_name[name] for name in wanted]
