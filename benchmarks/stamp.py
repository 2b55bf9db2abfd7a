"""The stamp that stored results have, as for the studies."""

import importlib.util
from pathlib import Path

_PATH = Path(__file__).resolve().parents[1] / "analysis/origin.py"
_SPEC = importlib.util.spec_from_file_location("origin", _PATH)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
stamped = _MODULE.stamped
