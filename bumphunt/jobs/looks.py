"""A ledger of looks at the same events: how often they were searched with other settings, and what was said.

A p-value holds for one look. The ledger stands in the output folder, outlives what is overwritten there, and knows
events by their content, so that a shuffled or renamed file is the same.
"""

import hashlib
import json
import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bumphunt.errors import InputError
from bumphunt.files import check_output_folder, make_folder, write_json
from bumphunt.results import Answers

logger = logging.getLogger(__name__)

LEDGER = "looks.json"
"""Name of the ledger in an output folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look: which events (digest of their content), which request (hash of all settings), what was said."""

    events: str
    request: str
    when: str
    seed: int
    status: str
    z_global: float

    @property
    def text(self) -> str:
        """What was said."""
        return f"{self.status} ({self.z_global:.1f} sigma, seed {self.seed})"


def request_key(request: dict[str, Any]) -> str:
    """Return a short hash of all that an answer depends on besides the events."""
    rest = {name: value for name, value in request.items() if name != "events"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def read_ledger(path: str | Path) -> list[Look]:
    """Return the looks of a ledger, oldest first; none where there is no file.

    Raises
    ------
    InputError
        If the file is damaged or is no ledger: looks must not get lost unseen.
    """
    path = Path(path)
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text("utf-8"))
        return [_sound(Look(**row)) for row in content["looks"]]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"{path} is no readable ledger of looks ({type(error).__name__}); restore it, or move it away to begin anew"
        ) from error


def check_ledger(path: str | Path) -> None:
    """Make sure that a look can be recorded in a ledger: before the search, not after.

    Raises
    ------
    InputError
        As :func:`read_ledger`; also if the ledger is a folder, or in one that cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"the ledger of looks {path} is a folder; give a file, which is made if missing")
    check_output_folder(path.parent)
    read_ledger(path)


def _sound(look: Look) -> Look:
    words, z = (look.events, look.request, look.when, look.status), look.z_global
    whole = isinstance(look.seed, int) and not isinstance(look.seed, bool)
    if not all(isinstance(word, str) for word in words) or not whole or isinstance(z, bool) or not math.isfinite(z):
        raise ValueError(f"no look: {look!r:.100}")
    return look


def record_look(path: str | Path, *, events: str, request: str, seed: int, answers: Answers) -> tuple[Look, ...]:
    """Add a look to a ledger and return the others at the same events, oldest first.

    The same request at the same events gives the same answer, and is no look of its own.

    Parameters
    ----------
    path : path
        The ledger; made if missing.
    events, request : str
        Digest of the events' content, and :func:`request_key`.
    seed : int
        Seed of the run.
    answers : Answers
        What was found.
    """
    from filelock import FileLock

    path = Path(path)
    make_folder(path.parent)
    look = Look(
        events=events,
        request=request,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        status=answers.status,
        z_global=round(float(answers.z_global), 4),
    )
    with FileLock(path.with_name(f".{path.name}.lock")):
        looks = read_ledger(path)
        others = tuple(each for each in looks if each.events == events and each.request != request)
        if not any(each.events == events and each.request == request for each in looks):
            rows = [{name: getattr(each, name) for name in Look.__dataclass_fields__} for each in [*looks, look]]
            write_json(path, {"looks": rows})
    return others


def sentence(others: tuple[Look, ...]) -> str:
    """Return what to say of the looks before this one; empty for the first.

    Examples
    --------
    >>> before = Look(events="a", request="b", when="", seed=3, status="none", z_global=1.25)
    >>> sentence((before,))
    'second look at these events; the other said: none (1.2 sigma, seed 3)'
    """
    if not others:
        return ""
    number = len(others) + 1
    names = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
    said = "; ".join(each.text for each in others[-4:])
    which = "the other said" if number == 2 else "the others said"
    more = f"{len(others) - 4} more, then " if len(others) > 4 else ""
    return f"{names.get(number, f'{number}th')} look at these events; {which}: {more}{said}"
