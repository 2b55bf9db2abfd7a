"""The calibration of a file by itself: N whole searches of pseudo-data, or a file of them that was made before."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bumphunt.calibration.whole_searches import (
    FORMAT,
    NullSearch,
    WholeSearches,
    null_searches,
    run_null_search,
    whole_searches,
)
from bumphunt.errors import InputError, as_line
from bumphunt.files import file_sha256, reason
from bumphunt.jobs.requests import Calibration, Request
from bumphunt.pipeline.keeping import Keeper, Watch
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.prior_answer import prior_settings
from bumphunt.pipeline.search import Search

FILE = "calibration.json"


@dataclass(kw_only=True, eq=False)
class OwnCalibration:
    """Gives a search its null; afterwards ``searches`` holds what the null was made of.

    Parameters
    ----------
    asked : Request
        With how many searches of each kind of pseudo-data, or a file of ``bumphunt calibrate`` or an earlier run.
    watch : callable
        Follows the searches.
    """

    asked: Request
    watch: Watch
    searches: WholeSearches | None = None

    def __call__(self, search: Search, keeper: Keeper) -> Null:
        """Return the null of a search, whose finished repeats ``keeper`` has."""
        asked = self.asked.options.calibration
        if isinstance(asked, int):
            self.searches = self._measured(search, asked, keeper)
        else:
            self.searches = searches_for(search, str(asked))
        return self.searches.null()

    def _measured(self, search: Search, number: int, keeper: Keeper) -> WholeSearches:
        tasks = null_searches(search, number=number, seed=self.asked.seed)
        names = [_name(task) for task in tasks]
        found = {name: kept["rows"] for name in names if (kept := keeper.kept(name)) is not None}
        missing = [place for place, name in enumerate(names) if name not in found]
        with self.watch("calibration", len(tasks), done=len(found)) as advance:
            todo = [tasks[place] for place in missing]
            for index, rows in self.asked.workers.map(run_null_search, todo):
                name = names[missing[index]]
                found[name] = keeper.keep(name, lambda rows=rows: {"rows": rows})["rows"]  # type: ignore[misc]
                advance()
        parts: dict[str, dict[str, list[Any]]] = {"cwola": {}, "prior": {}}
        for task, name in zip(tasks, names, strict=True):
            parts[task.by].setdefault(task.kind, []).append(found[name])
        made = whole_searches(
            parts["cwola"],
            config=search.tasks[0].config,
            features=search.features,
            n_events=float(len(search.mjj)),
            seed=self.asked.seed,
        )
        if not parts["prior"]:
            return made
        of_prior = {kind: np.concatenate(z) for kind, z in parts["prior"].items()}
        return made.with_prior(of_prior, prior_settings(search))


def _name(task: NullSearch) -> str:
    """Return the name by which a search is kept; those of the search without a prior had theirs before."""
    return f"null_{'prior_' if task.by == 'prior' else ''}{task.kind}_{task.number:04d}"


def request_of(asked: Calibration | None) -> dict[str, Any]:
    """Return what the stages of a run depend on: the number of searches, or the content of the file."""
    if asked is None:
        return {}
    if isinstance(asked, int):
        return {"calibration": asked}
    load_searches(asked)
    return {"calibration": file_sha256(asked)}


def searches_for(search: Search, path: str | Path) -> WholeSearches:
    """Return the whole searches in a file, which must be of searches like this one."""
    found = load_searches(path)
    found.check(search, name=str(path))
    return found


def load_searches(path: str | Path) -> WholeSearches:
    """Return the whole searches in a ``calibration.json`` of ``bumphunt calibrate`` or of a run.

    Raises
    ------
    InputError
        If it cannot be read or holds none.
    """
    where = Path(path)
    try:
        if where.is_dir():
            where = where / FILE
        content = json.loads(where.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read the calibration {where}: {reason(error)}; give a number or a calibration.json"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where} is no calibration; give a number, or the calibration.json of `bumphunt calibrate`"
        ) from error
    stored = content.get("searches") if isinstance(content, dict) else None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise InputError(
            f"{where} holds no whole searches without signal; make it with `bumphunt calibrate EVENTS --null N "
            "--output DIR`, or give --calibration a number"
        )
    try:
        found = WholeSearches.from_dict(stored)
        for kind, rows in found.found.items():
            if rows.ndim != 2 or rows.shape[1] != 6 or len(rows) == 0:
                raise TypeError(f"found.{kind} is not an array of six columns")
        for kind, z in found.prior.items():
            if z.ndim != 1:
                raise TypeError(f"prior.{kind} is not a list of significances")
        found.null()
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise InputError(f"{where} is damaged: {as_line(error, length=120)}; calibrate again") from error
    return found
