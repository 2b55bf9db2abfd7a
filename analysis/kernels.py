"""Two kernels of linear algebra that this processor can run, for tests that answers do not depend on them.

    python analysis/kernels.py

A processor without a kernel's instructions would stop at the first of them.
"""

import os
import subprocess
import sys

CANDIDATES = ("Haswell", "SkylakeX", "Sandybridge")
"""Cores that OpenBLAS has kernels for: with AVX2 and FMA, with AVX-512, and with neither."""
TRIAL = "import numpy as np; a = np.random.default_rng(1).random((99, 99)); np.linalg.svd(a @ a)"


def runs(kernel: str) -> bool:
    """Tell whether this processor has the instructions of a kernel: one that it lacks ends the process."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel}
    return subprocess.run([sys.executable, "-c", TRIAL], env=environment, capture_output=True).returncode == 0


def two_kernels() -> tuple[str, str]:
    """Return the first two of the candidates that run here."""
    usable = [kernel for kernel in CANDIDATES if runs(kernel)]
    if len(usable) < 2:
        raise SystemExit(f"only {usable} of the kernels {list(CANDIDATES)} run on this processor: two are compared")
    return usable[0], usable[1]


if __name__ == "__main__":
    print(*two_kernels())
