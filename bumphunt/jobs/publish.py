"""``bumphunt publish``: a finished run as a record that others can use, made of its saved files alone.

A HEPData submission with tables, figures and thumbnails; the likelihoods as pyhf workspaces, in HS3, and as patch sets
over the mass of the resonance after the selection.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bumphunt import __version__
from bumphunt.errors import InputError
from bumphunt.files import replace_folder, write_json, write_text
from bumphunt.jobs.hepdata import Resource, hepdata_lib, write_submission
from bumphunt.jobs.hunt import LABEL_DIGITS
from bumphunt.jobs.record_columns import Setting
from bumphunt.jobs.record_limits import retrained_limits
from bumphunt.jobs.record_tables import record_tables
from bumphunt.jobs.store import LOCK, settle
from bumphunt.locks import locked
from bumphunt.report.reading import read_results
from bumphunt.results import SCHEMA_VERSION, AnalysisResult, Products, WindowResult
from bumphunt.significance.hs3 import BinnedWorkspace, to_hs3
from bumphunt.significance.patchset import resonance_patchset
from bumphunt.significance.workspace import EVENTS_PER_MU

RECORD = "hepdata"
HS3 = "hs3.json"
UNNAMED = "The authors of the analysis"

STEP = 0.5
"""Distance of two masses of a patch set in resolutions."""

_WORKSPACES = {
    "workspace": "pyhf workspace of the most significant signal region after its selection",
    "workspace_inclusive": "pyhf workspace of the same signal region before any selection",
}
_FIXED = (
    Resource(name="README.md", description="What is in this record and how to use it"),
    Resource(name="CITATION.cff", description="How to cite this record and its software"),
    Resource(name=HS3, description="The likelihoods of the workspaces in HS3", file_type="HS3"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was written: the folder of the record, the HS3 file, and every file and table of the record."""

    record: str
    hs3: str
    files: tuple[str, ...]
    tables: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"record": self.record, "hs3": self.hs3, "files": list(self.files), "tables": list(self.tables)}

    def __str__(self) -> str:
        return f"wrote {len(self.tables)} tables and {len(self.files)} files to {self.record}, and {self.hs3}"


def publish(
    directory: str | Path, *, title: str = "Search for a resonance with bumphunt", authors: Sequence[str] = ()
) -> Publication:
    """Write the HEPData record and the HS3 document of a finished run; written again it is the same, byte for byte.

    Parameters
    ----------
    directory : path
        Output folder of ``bumphunt run``. Where it has a ``limits.json`` of ``bumphunt limits`` these limits are
        published, too.
    title : str
        Of the record.
    authors : sequence of str
        Of the record, for its citation.

    Returns
    -------
    Publication
        What was written: ``hepdata/`` with ``submission.yaml``, and ``hs3.json``, in the folder.

    Raises
    ------
    InputError
        If the folder is no finished run, is blinded or of another version, or holds a record of somebody else.
    MissingExtraError
        Without ``bumphunt[publish]``.
    """
    folder = Path(directory)
    settle(folder)
    _check_finished(folder)
    result, products = read_results(folder)
    if not isinstance(result.input.get("content"), str) or not isinstance(result.input.get("n_events"), int):
        raise InputError(f"{folder / 'result.json'} is damaged (input); write it again with `bumphunt run`")
    limits = _read_limits(folder / "limits.json", result.input["content"])
    with hepdata_lib():  # said before any work is done
        pass
    record = folder / RECORD
    if record.exists() and not (record / "submission.yaml").is_file():
        raise InputError(f"{record} was not made by this program and will not be overwritten; move it away")
    workspaces = _workspaces(folder, products)
    setting = Setting.of(result, limits)
    variable = str((result.config.get("resonance") or {}).get("column", "mjj"))
    try:
        document = to_hs3(workspaces, variable=variable, description=_abstract(result, setting), version=__version__)
    except (LookupError, TypeError, AttributeError) as error:
        raise InputError(f"a workspace in {folder} is damaged ({error}); write it again with `bumphunt run`") from error
    tables = record_tables(result, products, limits)
    patchsets = _patchsets(result, products, setting)

    def fill(part: Path) -> None:
        resources = [*_FIXED]
        for stem, each in workspaces.items():
            write_json(part / f"{stem}.json", each.workspace)
            resources.append(Resource(name=f"{stem}.json", description=_WORKSPACES[stem], file_type="HistFactory"))
        for name, text, content in patchsets:
            write_json(part / name, content)
            resources.append(Resource(name=name, description=text, file_type="HistFactory"))
        write_json(part / HS3, document)
        write_text(part / "CITATION.cff", _citation(title, authors))
        write_text(part / "README.md", _readme(title, result, setting, resources, [table.name for table in tables]))
        write_submission(
            part,
            tables,
            setting=setting,
            abstract=_abstract(result, setting),
            resources=resources,
            figures=folder / "figures",
        )

    refusal = f"{folder} is in use by another process of bumphunt; wait for it"
    with locked(folder / LOCK, refusal=refusal):
        replace_folder(record, fill)
        write_json(folder / HS3, document)
    return Publication(
        record=str(record),
        hs3=str(folder / HS3),
        files=tuple(sorted(path.name for path in record.iterdir())),
        tables=tuple(table.name for table in tables),
    )


def _check_finished(folder: Path) -> None:
    """Refuse what is no finished run of this version, each with its own remedy."""
    path = folder / "result.json"
    if not folder.is_dir() or not path.is_file():
        raise InputError(f"{folder} is not a finished run: it has no result.json; give the --output of `bumphunt run`")
    try:
        saved = json.loads(path.read_bytes())
        version, blind = saved.get("schema_version"), saved.get("blind")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged; write it again with `bumphunt run`") from error
    if blind:
        raise InputError(
            f"{folder} is a blinded run, of which there is nothing to publish; go on with `bumphunt run --resume`"
        )
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version!r}, not {SCHEMA_VERSION!r}: it can be reported but not published; "
            "run the analysis again with this version of bumphunt"
        )


def _read_limits(path: Path, content: str) -> dict[str, Any] | None:
    """Return what ``bumphunt limits`` left in the folder, if it is of the same events."""
    if not path.exists():
        return None
    try:
        saved = json.loads(path.read_bytes())
        retrained_limits(saved)
        other = (saved.get("input") or {}).get("content", content)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path} is not what `bumphunt limits` writes ({error}); write it again, or move it"
        ) from error
    if other != content:
        raise InputError(f"{path} has limits of other events than the run; move it away, or repeat `bumphunt limits`")
    return dict(saved)


def _workspaces(folder: Path, products: Products) -> dict[str, BinnedWorkspace]:
    """Return the saved workspaces with the edges of their bins."""
    best = products.scan.best_window
    found: dict[str, BinnedWorkspace] = {}
    for stem in _WORKSPACES:
        path = folder / f"{stem}.json"
        if best is None or not path.exists():
            continue
        try:
            workspace = json.loads(path.read_bytes())
            bins = len(workspace["observations"][0]["data"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise InputError(f"{path} is damaged; write it again with `bumphunt run`") from error
        edges = _edges_inside(products.inclusive.edges, best)
        # a background that was counted, not fitted, has one bin
        found[stem] = BinnedWorkspace(
            workspace=workspace, edges=edges if bins == len(edges) - 1 else np.array([best.low, best.high])
        )
    return found


def _edges_inside(edges: np.ndarray, window: WindowResult) -> np.ndarray:
    centres = 0.5 * (edges[1:] + edges[:-1])
    inside = np.flatnonzero((centres > window.low) & (centres < window.high))
    return np.asarray(edges[inside[0] : inside[-1] + 2])


def _patchsets(result: AnalysisResult, products: Products, setting: Setting) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, description and content of a background and a patch set for each window after its selection.

    All at the cut of the best window, or the first one where that is before any cut: a cut of each window's own, the
    most significant, would be chosen by the counts that the patch sets are for.
    """
    best = products.scan.best_window
    cuts = [window.cut_fraction for window in products.scan.windows if window.cut_fraction < 1.0]
    if best is None or not cuts:
        return []
    cut = best.cut_fraction if best.cut_fraction < 1.0 else cuts[0]
    width, label = setting.width, str(result.input["content"])[:LABEL_DIGITS]
    found = []
    for window in products.scan.windows:
        if window.fit is None or window.note or window.cut_fraction != cut:
            continue
        steps = max(int(np.ceil(np.log(window.high / window.low) / (STEP * width))), 1)
        masses = np.geomspace(window.low, window.high, steps + 1)
        masses = 0.5 * (masses[1:] + masses[:-1])
        where = f"{window.low:.0f}_{window.high:.0f}"
        region = f"in {window.low:.0f}-{window.high:.0f} {setting.unit}, {cut:.3%} of the events kept"
        background, patches = resonance_patchset(
            window.fit, masses=masses.tolist(), width=width, channel=f"mjj_selected_{where}", label=label
        )
        found += [
            (f"background_{where}.json", f"pyhf workspace of the background after selection {region}", background),
            (f"patchset_{where}.json", f"pyhf patch set over the mass of the resonance {region}", patches),
        ]
    return found


def _abstract(result: AnalysisResult, setting: Setting) -> str:
    answers = result.answers
    text = (
        f"Search for a resonance in {setting.variable} with weakly supervised anomaly detection "
        f"(bumphunt {result.versions.get('bumphunt', __version__)}) in {result.input['n_events']} events. "
        f"Global significance {answers.z_global:.2f} sigma (p = {answers.p_global:.3g}), "
        f"local {answers.z_local:.2f} sigma (p = {answers.p_local:.3g}); status: {answers.status}."
    )
    failed = [check.name for check in result.checks if not check.passed]
    if failed:
        text += f" Quality checks that failed: {', '.join(failed)}."
    given = ((answers.m_resonance, "resonance"), (answers.m_x, "heavier daughter"), (answers.m_y, "lighter daughter"))
    for interval, name in given:
        if interval is not None:
            text += f" Mass of the {name}: {interval} {setting.unit}."
    if answers.masses_verified is False:
        text += " The masses are not verified."
    if answers.n_signal is not None:
        text += f" Signal events before selection: {answers.n_signal}."
    return text


def _citation(title: str, authors: Sequence[str]) -> str:
    return yaml.safe_dump(
        {
            "cff-version": "1.2.0",
            "title": title,
            "message": "If you use this record, please cite it as below, and the software it was made with.",
            "type": "dataset",
            "authors": [{"name": name} for name in authors or [UNNAMED]],
            "license": "CC0-1.0",
            "references": [
                {
                    "type": "software",
                    "title": "bumphunt",
                    "version": __version__,
                    "authors": [{"name": "The bumphunt developers"}],
                }
            ],
        },
        sort_keys=False,
        allow_unicode=True,
    )


def _readme(
    title: str, result: AnalysisResult, setting: Setting, resources: Sequence[Resource], tables: Sequence[str]
) -> str:
    patched = next((each.name for each in resources if each.name.startswith("patchset_")), None)
    lines = [f"# {title}", "", _abstract(result, setting), "", "## Tables", ""]
    lines += [f"- {name}" for name in tables]
    lines += ["", "## Files", "", "| file | what it is |", "|---|---|"]
    lines += [f"| `{each.name}` | {each.description} |" for each in resources]
    lines += [
        "",
        "## Use",
        "",
        f"In every workspace `mu = 1` stands for {EVENTS_PER_MU:g} signal events: before any selection in "
        "`workspace_inclusive.json`, among the selected events in all others.",
        "",
        "    pyhf inspect workspace.json",
        "    pyhf cls workspace.json",
    ]
    if patched is not None:
        background = patched.replace("patchset", "background")
        lines += [f"    pyhf patchset verify {background} {patched}", f"    pyhf patchset inspect {patched}"]
    lines += [
        "",
        "Names of channels and of what is uncertain in the background begin with the channel and the events "
        f"(`{str(result.input['content'])[:LABEL_DIGITS]}`, from the digest of their content); `mu` is shared. "
        "`pyhf combine` joins workspaces of different events, and refuses those of the same. The sum assumes as many "
        "signal events in either: where luminosities or efficiencies differ, scale the signal of one of them first.",
        "",
        f"Settings, seed ({result.seed}) and versions are in the `result.json` of the run.",
        "",
    ]
    return "\n".join(lines)
