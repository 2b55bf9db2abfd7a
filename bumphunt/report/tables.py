"""What the page tabulates: results as rows of text."""

import json
import math
from dataclasses import dataclass
from typing import Any

from bumphunt.plots.search import SCORES
from bumphunt.report.formats import (
    MISSING,
    count,
    fraction,
    interval,
    interval_parts,
    mass,
    mass_range,
    number,
    p_value,
    sigma,
    with_error,
)
from bumphunt.report.wording import SEARCHES, check_measures, failure_looks
from bumphunt.results import AnalysisResult, Answers, Check, CrossCheck, MassFit, ScanResult

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text; the first column names the row.

    ``wide`` tables have many columns, which a page of middle width sets below each other as a phone does;
    ``words`` are the columns set left, as words rather than numbers; ``marked`` the rows set apart
    (their text says why as well, so that nothing hangs on colour).
    """

    caption: str
    header: Row
    rows: tuple[Row, ...]
    words: frozenset[int] = frozenset()
    marked: frozenset[int] = frozenset()
    wide: bool = False


def answers_table(answers: Answers, *, daughters: bool = True) -> Table:
    """Return all answers as numbers, with the masses of the daughters where there are any."""
    unit = answers.mass_unit
    bound = "≤ " if answers.is_bound else ""
    rows = [
        ("Status", answers.status),
        ("Local p-value (significance)", f"{p_value(answers.p_local)} ({sigma(answers.z_local)})"),
        ("Global p-value (significance)", f"{bound}{p_value(answers.p_global)} ({sigma(answers.z_global)})"),
        ("Mass of the resonance", interval_parts(answers.m_resonance, unit)),
        ("Mass of X, the heavier daughter", interval_parts(answers.m_x, unit)),
        ("Mass of Y, the lighter daughter", interval_parts(answers.m_y, unit)),
        ("Signal events in the file", interval_parts(answers.n_signal, rest="efficiency")),
    ]
    if not daughters:
        rows = [row for row in rows if "daughter" not in row[0]]
    if answers.upper_limit is not None:
        limit = answers.upper_limit
        rows.append(
            (
                f"Upper limit, 95 % CLs, narrow resonance at {mass(limit['mass'])} {unit}",
                f"{count(limit['n_signal_95'])} events",
            )
        )
        if limit.get("expected") is not None:
            rows.append(("The same, expected without signal", _expected_text(limit["expected"])))
        selected = limit.get("selected")
        if selected is not None:
            passing = f"events that pass the best cut ({fraction(selected['cut_fraction'])})"
            rows.append((f"Upper limit, 95 % CLs, from {passing}", f"{count(selected['n_signal_95'])} events"))
            if selected.get("expected") is not None:
                rows.append(("The same, expected without signal", _expected_text(selected["expected"])))
    return Table(caption="The answers as numbers (intervals: 68 %)", header=("Quantity", "Value"), rows=tuple(rows))


def _expected_text(band: Any) -> str:
    """Return the median of an expected limit with its 68 % range, of the five numbers at -2 to +2 deviations."""
    if not isinstance(band, list | tuple) or len(band) != 5:
        return MISSING
    low, middle, high = (math.nan if value is None else float(value) for value in band[1:4])
    return f"{count(middle)} events (68 %: {count(low)} to {count(high)})"


def global_table(answers: Answers, scan: ScanResult) -> Table:
    """Return how the global p-value was made."""
    bound = "≤ " if answers.is_bound else ""
    rows = (
        ("Smallest local p-value", f"{p_value(scan.p_local)} ({sigma(scan.z_local)})"),
        ("Method", answers.p_global_method),
        ("Trials", count(answers.n_trials)),
        ("Pseudo-experiments", count(answers.n_toys) if answers.n_toys else "none"),
        ("Upper bound", "yes: the true p-value is this or smaller" if answers.is_bound else "no: an estimate"),
        ("Global p-value", f"{bound}{p_value(answers.p_global)} ({sigma(answers.z_global)})"),
        ("Searched range", f"{mass(scan.searched_low)} to {mass(scan.searched_high)} {scan.mass_unit}"),
    )
    return Table(caption="How the global p-value was made", header=("Item", "Value"), rows=rows, words=frozenset({1}))


CUT_SCALE = "Cut at which simulated signal passes as that of the data does, over the cut"
"""What the shift of the score is called."""


def masses_table(fit: MassFit) -> Table:
    """Return the fitted masses and yields, with the statistical part of each mass interval apart."""
    names = ("Resonance", "X, heavier daughter", "Y, lighter daughter")
    values = (fit.m_resonance, fit.m_x, fit.m_y)
    rows = [
        (f"{name} [GeV]", interval(value), f"± {number(float(part), 2)}")
        for name, value, part in zip(names, values, fit.statistical, strict=False)
    ]
    rows.append(("Signal among the fitted events", interval(fit.n_selected), ""))
    rows.append(("Signal in the whole file", interval(fit.n_signal), ""))
    if fit.acceptance_known and fit.n_signal_box is not None:
        rows.append(("Signal in the whole file, from a box in the jet masses", interval(fit.n_signal_box), ""))
    name = "Efficiency of the selection" if fit.acceptance_known else "Efficiency of the mass box"
    rows.append((name, with_error(fit.efficiency, fit.efficiency_error), ""))
    if fit.acceptance_known:
        rows.append(("τ21 of signal, data over simulation", number(fit.tau21_scale, 3), ""))
    if fit.cut_scale_error is not None:
        rows.append((CUT_SCALE, with_error(fit.cut_scale, fit.cut_scale * fit.cut_scale_error), ""))
    if fit.second is not None:
        masses = " / ".join(mass(fit.second[name]) for name in ("m_resonance", "m_x", "m_y"))
        behind = number(fit.second["delta_log_likelihood"], 2)
        rows.append((f"Second solution, {behind} behind in log likelihood [GeV]", masses, ""))
    rows.append(("p-value of the fit", p_value(fit.p_value), ""))
    return Table(
        caption=f"Likelihood fit of {count(fit.n_events)} selected events",
        header=("Quantity", "Value, 68 % interval", "Statistical part"),
        rows=tuple(rows),
    )


def checks_table(checks: tuple[Check, ...]) -> Table:
    """Return the quality checks, told by what a failure would look like, with their thresholds."""
    rows = tuple(
        (
            check.name.replace("_", " "),
            "✓ passed" if check.passed else "✗ failed",
            failure_looks(check),
            check_measures(check),
            number(check.value),
            number(check.threshold),
            check.applies_to,
        )
        for check in checks
    )
    return Table(
        caption="Quality checks; the thresholds were set before the data were seen",
        header=("Check", "Outcome", "A failure would look like", "What is measured", "Value", "Threshold", "Of"),
        rows=rows,
        words=frozenset({1, 2, 3, 6}),
        marked=frozenset(i for i, check in enumerate(checks) if not check.passed),
    )


def searches_table(answers: Answers) -> Table:
    """Return what each search found and where, the one that the claim is from set apart, and whether they agree."""
    names = list(answers.per_search)
    rows = tuple(
        (SEARCHES.get(name, name), _where(found), sigma(found.get("z_local", math.nan)),
         sigma(found.get("z_global", math.nan)), "the claim" if name == answers.search else "")
        for name, found in answers.per_search.items()
    )  # fmt: skip
    return Table(
        caption=f"What each search found; the global significance of the claim allows for all of them{_agree(answers)}",
        header=("Search", f"Best window [{answers.mass_unit}]", "Local significance", "Global significance", "Note"),
        rows=rows,
        words=frozenset({4}),
        marked=frozenset(i for i, name in enumerate(names) if name == answers.search),
    )


def _where(found: dict[str, float]) -> str:
    return mass_range(found["low"], found["high"]) if {"low", "high"} <= set(found) else MISSING


def _agree(answers: Answers) -> str:
    """Say whether two searches point at the same place: their best windows overlap."""
    ends = [(found["low"], found["high"]) for found in answers.per_search.values() if {"low", "high"} <= set(found)]
    if len(ends) < 2:
        return ""
    same = max(low for low, _ in ends) < min(high for _, high in ends)
    return ". Their best windows overlap" if same else ". Their best windows lie apart"


def signals_table(signals: tuple[Answers, ...]) -> Table:
    """Return further claimed resonances."""
    rows = tuple(
        (*(interval(one, each.mass_unit) for one in (each.m_resonance, each.m_x, each.m_y)),
         interval(each.n_signal), sigma(each.z_local), sigma(each.z_global), each.status.replace("_", " "))
        for each in signals
    )  # fmt: skip
    header = ("Resonance", "X", "Y", "Signal events", "Local", "Global", "Status")
    return Table(caption="Further claimed resonances", header=header, rows=rows, words=frozenset({6}))


def cross_checks_table(checks: tuple[CrossCheck, ...]) -> Table:
    """Return the second opinions."""
    rows = tuple(
        (
            SCORES.get(check.name, check.name.replace("_", " ")),
            "high" if check.orientation > 0 else "low",
            fraction(check.cut_fraction),
            count(check.n_observed),
            with_error(check.n_expected, check.n_expected_error),
            sigma(check.z_local),
        )
        for check in checks
    )
    header = ("Score", "Anomalous end", "Kept", "Observed", "Expected", "Local significance")
    return Table(caption="Other scores in the best window", header=header, rows=rows, words=frozenset({1}))


def windows_table(scan: ScanResult) -> Table:
    """Return every window and cut that was looked at."""
    rows = []
    for i, window in enumerate(scan.windows):
        best = "best" if i == scan.best else ""
        spread = f"{window.z_spread:.2f}" if math.isfinite(window.z_spread) else MISSING
        searched = math.isfinite(window.z_local)
        rows.append(
            (
                mass_range(window.low, window.high),
                fraction(window.cut_fraction),
                count(window.n_window),
                count(window.n_observed) if searched else MISSING,
                with_error(window.n_expected, window.n_expected_error),
                with_error(window.n_direct, window.n_direct_error),
                sigma(window.z_local),
                p_value(window.p_local),
                spread,
                f"{window.leakage:.3f}" if math.isfinite(window.leakage) else MISSING,
                "; ".join(part for part in (best, window.note) if part),
            )
        )
    header = (f"Window [{scan.mass_unit}]", "Kept", "In window", "Observed", "Expected", "Direct", "z local", "p local",
              "Spread of repeats [σ]", "Leakage (AUC)", "Note")  # fmt: skip
    return Table(
        caption="All windows and cuts. Expected: background fitted to the sidebands; direct: counted from their "
        "efficiencies, without a fit. Leakage is 0.5 where the score does not follow the searched mass",
        header=header,
        rows=tuple(rows),
        words=frozenset({10}),
        marked=frozenset() if scan.best is None else frozenset({scan.best}),
        wide=True,
    )


def provenance_table(result: AnalysisResult) -> Table:
    """Return what went in: the file, the seed, the versions."""
    source = result.input
    columns = source.get("columns")
    rows = [
        ("Input", str(source.get("path", MISSING))),
        ("SHA-256 of the input", str(source.get("sha256", MISSING))),
        ("Events", count(source["n_events"]) if isinstance(source.get("n_events"), int) else MISSING),
        ("Columns", ", ".join(map(str, columns)) if isinstance(columns, list) else MISSING),
        ("Seed", str(result.seed)),
        *((f"Version of {name}", str(version)) for name, version in result.versions.items()),
    ]
    return Table(caption="Input, seed and versions", header=("Item", "Value"), rows=tuple(rows), words=frozenset({1}))


def stages_table(stages: dict[str, Any]) -> Table:
    """Return the seconds of each stage and what it found."""
    rows = []
    total = 0.0
    for name, found in stages.items():
        entries = dict(found) if isinstance(found, dict) else {"found": found}
        seconds = entries.pop("seconds", None)
        timed = isinstance(seconds, int | float)
        total += float(seconds) if timed else 0.0
        shown = "; ".join(f"{key}: {_first(_short(value))}" for key, value in entries.items())
        rows.append((name, f"{seconds:.1f}" if timed else MISSING, shown))
    rows.append(("all", f"{total:.1f}", ""))
    return Table(caption="Stages", header=("Stage", "Seconds", "Found"), rows=tuple(rows), words=frozenset({2}))


def _first(text: str) -> str:
    """Return what a stage says of itself without the long lists, which are in the file for programs."""
    return text if len(text) <= 120 else f"{text[:50]} ... (all of it in result.json)"


def config_table(config: dict[str, Any]) -> Table:
    """Return the settings, nested names joined by dots."""
    rows = tuple((name, _short(value)) for name, value in _flat(config))
    return Table(caption="Settings of this run", header=("Setting", "Value"), rows=rows, words=frozenset({1}))


def _flat(config: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in config.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", value))
    return rows


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False)
