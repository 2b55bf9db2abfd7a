"""``bumphunt doctor``: what is installed here, what works, and what to do about what does not."""

import importlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from bumphunt.errors import as_line
from bumphunt.jobs.provenance import versions
from bumphunt.sources.registry import cache_folder

EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "simulation": ("bumphunt simulate", ("pythia8mc",)),
    "root": ("ROOT files", ("uproot",)),
    "dask": ("--scheduler", ("distributed",)),
    "publish": ("HEPData records of bumphunt publish", ("hepdata_lib", "hepdata_validator")),
    "onnx": ("models for other programs", ("onnxmltools", "onnxruntime", "skl2onnx")),
    "cluster": ("workers on batch systems", ("dask_jobqueue", "snakemake")),
    "docs": ("building these pages", ("mkdocs", "mkdocstrings", "nbclient")),
}
"""Optional parts: what they are for, and the modules they need."""

GPU_SEEN = "seen; networks (VAE, autoencoder, network scores) use it where TensorFlow does, trees and fits do not"
GPU_MISSING = "none seen; networks train on the cores, and nothing else would use one"

LEAST_MEMORY = 4.0
"""GiB below which a million events with several workers are too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An optional part: whether it works, and how to get it if it does not."""

    name: str
    purpose: str
    works: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found.

    ``memory`` and ``disk`` are GiB, None where they cannot be known; ``problems`` are sentences with a remedy.
    """

    versions: dict[str, str]
    system: str
    cores: int
    memory: float | None
    disk: float
    gpu: bool
    cache: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        parts = {part.name: {"purpose": part.purpose, "works": part.works, "note": part.note} for part in self.parts}
        return {**plain, "parts": parts, "problems": list(self.problems), "ok": not self.problems}

    def __str__(self) -> str:
        memory = "unknown" if self.memory is None else f"{self.memory:.1f} GiB"
        lines = [f"{name:13}{number}" for name, number in self.versions.items()]
        lines += [
            f"{'system':13}{self.system}",
            f"{'cores':13}{self.cores} (--workers {self.cores} uses all)",
            f"{'memory':13}{memory}",
            f"{'disk':13}{self.disk:.1f} GiB free here",
            f"{'GPU':13}{GPU_SEEN if self.gpu else GPU_MISSING}",
            f"{'downloads':13}{self.cache}",
            "",
        ]
        lines += [f"{part.name:13}{'works' if part.works else part.note}  ({part.purpose})" for part in self.parts]
        lines += ["", *(f"problem      {problem}" for problem in self.problems)]
        return "\n".join(lines if self.problems else [*lines, "all that is needed is here"])


def diagnose() -> Diagnosis:
    """Look at packages, machine and folders; nothing is changed, and nothing asked of a server."""
    memory = memory_in_gib()
    problems = [
        f"{name} is needed and not installed: pip install --force-reinstall bumphunt" for name in missing_requirements()
    ]
    if memory is not None and memory < LEAST_MEMORY:
        problems.append(f"{memory:.1f} GiB of memory are few: give --workers 1, or fewer than a million events")
    disk = shutil.disk_usage(Path.cwd()).free / 2**30
    if disk < 1:
        problems.append(f"{disk:.1f} GiB are free in {Path.cwd()}: write to another disk by --output")
    cache = cache_folder()
    if not writable(cache):
        problems.append(f"{cache} cannot be written to: set BUMPHUNT_CACHE to another folder for `bumphunt fetch`")
    return Diagnosis(
        versions=versions(),
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        cores=usable_cores(),
        memory=memory,
        disk=disk,
        gpu=Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None,
        cache=str(cache),
        parts=tuple(part(name, purpose, modules) for name, (purpose, modules) in EXTRAS.items()),
        problems=tuple(problems),
    )


def part(name: str, purpose: str, modules: tuple[str, ...]) -> Part:
    """Return whether all modules of an optional part can be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            return Part(name=name, purpose=purpose, works=False, note=f"missing: pip install 'bumphunt[{name}]'")
        except Exception as error:
            note = (
                f"{module} is broken ({as_line(error, length=120)}): pip install --force-reinstall 'bumphunt[{name}]'"
            )
            return Part(name=name, purpose=purpose, works=False, note=note)
    return Part(name=name, purpose=purpose, works=True, note="")


def missing_requirements() -> list[str]:
    """Return the packages that the installed metadata ask for everywhere, and that are not there."""
    always = [line for line in requires("bumphunt") or [] if ";" not in line]
    missing = []
    for name in (re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in always):
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return missing


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_in_gib() -> float | None:
    """Return the memory of the machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None


def writable(folder: Path) -> bool:
    """Return whether a folder, or the first of its parents that exists, can be written to."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
