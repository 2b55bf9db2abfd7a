"""The three answers in plain words, and the warnings that belong to them."""

import math
from dataclasses import dataclass
from typing import Any

from bumphunt.report.formats import NARROW, SPACE, count, fraction, interval, mass, mass_range, number, p_value, sigma
from bumphunt.results import AnalysisResult, Answers, Check, Products

STATUS_WORDS = {
    "none": "nothing found",
    "evidence": "evidence",
    "discovery": "discovery",
    "unverified_excess": "unverified excess",
}


SEARCHES = {"cwola": "Weak supervision (CWoLa)", "prior": "Prior-assisted"}
"""Searches in words."""

UNRELIABLE = "Not reliable: see the warning."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of the three questions, its answer in a few large words, lines below it, and a sentence."""

    question: str
    answer: str
    detail: str
    also: tuple[str, ...] = ()


def status_words(answers: Answers) -> str:
    """Return the status as a reader would say it."""
    return STATUS_WORDS.get(answers.status, answers.status)


def three_answers(result: AnalysisResult, products: Products) -> tuple[Answer, Answer, Answer]:
    """Answer the three questions of the LHC Olympics in words."""
    return _particle(result, products), _masses(result.answers), _yield(result)


FAILURES = {
    "sideband_fit": "the smooth curve misses the data beside the window, so its count inside cannot be trusted",
    "goodness_of_fit": "the smooth curve misses the spectrum beside the window, and its count inside misleads",
    "leakage": "the score follows the searched mass, and a cut on it can shape a bump by itself",
    "sculpting": "the selection itself shapes the spectrum: a bump, also without signal, wherever the window is put",
    "ordinary_events": "the background of the window is another than that beside it, as by a feature shifted there",
    "fold_agreement": "one part of the data carries the excess and others do not, as a fluctuation or a few copies do",
    "estimates_agree": "two independent background estimates disagree by more than their errors: one sees no excess",
    "one_hypothesis": "the excess is there at all masses of the daughters: the jets themselves differ in this window",
    "no_deficit": "a dead region or a hole of the trigger pulls the fitted curve down and makes an excess beside it",
    "mass_fit": "the fit found no place in the plane of jet masses where the excess gathers",
    "mass_fit_p_value": "in the projections, signal on top of background misses the data: another kind of signal",
    "inside_response_grid": "a mass lies where no signal was simulated, and the response there is a guess",
    "yield_within_file": "more signal than the file has events: the number comes from the efficiency, not from data",
    "yield_significance": "the interval of the yield reaches down to no signal at all",
    "jet_mass_units": "jet masses a thousand times too large or small for their dijet mass, as MeV beside GeV",
    "score_of_signal": "signal that is anomalous in another way than simulated signal",
    "tau21_scale": "signal jets of another substructure than two prongs, for which nothing was calibrated",
    "jet_mass_scale": "jets of another radius or grooming, or events chosen by the angles or masses of their jets",
    "resolutions": "a peak much wider or sharper than the detector makes one, as of a broad resonance",
    "jets_hold_decays": "a daughter so heavy that its decay leaves the jet: there is no peak to read its mass off",
    "daughters_peak": "a daughter that is a plain quark or gluon: the mass of its jet has no peak to be fitted",
    "box_yield_agrees": "two counts of the same signal, with and without the score, differ by more than their errors",
    "yield_against_excess": "the fit claims more or less signal than the window holds above its background",
}
"""What a failure of a check would look like."""
PHRASE = "; a failure looks like "
UNLISTED = {
    "excess": "an excess that something other than a new particle has made",
    "masses": "masses or a yield that the excess does not have",
}


def failure_looks(check: Check) -> str:
    """Return, in words, what a failure of the check would look like: from the list, or what the check says itself."""
    own = check.meaning.partition(PHRASE)[2]
    return FAILURES.get(check.name) or own or UNLISTED.get(check.applies_to, UNLISTED["excess"])


def check_measures(check: Check) -> str:
    """Return what a check measures, without what its failure looks like."""
    return check.meaning.partition(PHRASE)[0]


def warnings(result: AnalysisResult) -> list[str]:
    """Return what a reader must know before quoting an answer, one sentence each."""
    failed = [check for check in result.checks if not check.passed]
    if result.answers.masses_verified is False and result.answers.m_resonance is not None:
        names = ", ".join(check.name.replace("_", " ") for check in failed if check.applies_to == "masses")
        because = f": {names} failed" if names else ""
        return [f"The masses are not verified{because}.", *_of_the_excess(result, failed)]
    return _of_the_excess(result, failed)


def _of_the_excess(result: AnalysisResult, failed: list[Check]) -> list[str]:
    if result.answers.status == "unverified_excess":
        start = "Do not quote this as a signal: there is an excess, but it did not pass the quality checks."
        if not failed:
            return [f"{start} The saved result does not say which."]
        return [start, *(_failure(check) for check in failed)]
    return [_failure(check) for check in failed]


def _failure(check: Check) -> str:
    return (
        f"Check failed: {check.name.replace('_', ' ')} ({check_measures(check)}) is {number(check.value)}, "
        f"beyond its threshold of {number(check.threshold)}; {failure_looks(check)}."
    )


def significance_notes(answers: Answers) -> tuple[str, ...]:
    """Return how far the significance was tested and how much it varies, one sentence each."""
    notes = []
    if answers.tested_to is not None:
        beyond = "; beyond by extrapolation" if answers.z_global > answers.tested_to else ""
        notes.append(f"Calibrated to {sigma(answers.tested_to)}{beyond}.")
    if answers.z_spread is not None:
        notes.append(f"Single repeats of the training scatter by {sigma(answers.z_spread)}.")
    if answers.z_stat is not None:
        notes.append(f"With statistical uncertainties only: {sigma(answers.z_stat)}.")
    return tuple(notes)


def looks_note(result: AnalysisResult) -> str:
    """Return how many times these events were looked at, or an empty text."""
    looks = result.looks or {}
    said = [f"This is the {looks['text']}; the p-values allow for this look alone." if looks.get("text") else ""]
    if looks.get("plan"):
        said.append(f"The plan frozen before was kept ({str(looks['plan'])[:12]}).")
    return " ".join(part for part in said if part)


QUALITY = {
    "rows": "rows read",
    "exchanged": "rows whose jets were exchanged",
    "duplicates": "exact copies dropped",
    "near_duplicates": "near copies dropped",
    "repaired": "rows repaired",
    "dropped": "rows dropped",
}


def quality_lines(quality: dict[str, Any]) -> tuple[str, ...]:
    """Return what was found wrong with the input and what was done about it, one line each; zeros are left out."""
    lines = []
    for name, value in quality.items():
        words = QUALITY.get(name, name.replace("_", " "))
        if isinstance(value, int | float) and not isinstance(value, bool):
            lines += [f"{count(value)} {words}"] if value else []
        elif isinstance(value, list | tuple):
            lines += [str(one) for one in value]
        elif value:
            lines.append(f"{words}: {value}")
    return tuple(lines)


def _significance(answers: Answers) -> str:
    if answers.is_bound:
        return f"at least {sigma(answers.z_global)} globally (p{SPACE}≤{SPACE}{p_value(answers.p_global)})"
    return f"{sigma(answers.z_global)} globally (p{SPACE}={SPACE}{p_value(answers.p_global)})"


def _particle(result: AnalysisResult, products: Products) -> Answer:
    answers, window = result.answers, products.scan.best_window
    question = "Is there a new particle?"
    if window is None:
        detail = "No window could be searched in this file."
        return Answer(question=question, answer="Nothing was searched", detail=detail)
    where = (
        f"Best window {mass_range(window.low, window.high)}{NARROW}{answers.mass_unit}: "
        f"{count(window.n_observed)} events observed, "
        f"{window.n_expected:.1f} ± {window.n_expected_error:.1f} expected from background."
    )
    where += _by_search(answers)
    if answers.status == "none":
        return Answer(
            question=question,
            answer="No: nothing was found",
            detail="Background alone gives an excess like the largest one here in "
            f"{'up to ' if answers.is_bound else ''}{fraction(answers.p_global)} of such searches. {where}",
        )
    short = {
        "evidence": "Perhaps: evidence, not a discovery",
        "discovery": "Yes: a discovery",
        "unverified_excess": "Not established",
    }.get(answers.status, answers.status)
    start = "A quality check failed. " if answers.status == "unverified_excess" else ""
    detail = " ".join([f"{start}The excess has {_significance(answers)}.", *significance_notes(answers), where])
    return Answer(question=question, answer=short, detail=detail)


def _by_search(answers: Answers) -> str:
    """Return which of several searches found this, and what each has alone."""
    if len(answers.per_search) < 2:
        return ""
    names = {"cwola": "the search that learns from the data alone (CWoLa)", "prior": "the prior-assisted search"}
    alone = [
        f"{sigma(found.get('z_global', math.nan))} by {names.get(name, name)}"
        for name, found in sorted(answers.per_search.items(), key=lambda item: item[0] != answers.search)
    ]
    return f" Alone: {' and '.join(alone)}, globally; both count as trials."


def _masses(answers: Answers) -> Answer:
    question = "What are the masses?"
    if answers.m_resonance is None:
        return Answer(
            question=question,
            answer="None to give",
            detail="Masses are given only from a global significance of 3 σ on."
            if answers.status == "none"
            else "The mass fit gave no number.",
        )
    daughters = tuple(
        f"{name} {interval(value, answers.mass_unit)}"
        for name, value in (("X:", answers.m_x), ("Y:", answers.m_y))
        if value
    )
    said = "The resonance, and below it the heavier (X) and lighter (Y) particle it decays to. All with"
    if not daughters:
        said = "The resonance alone, since no daughters were measured; with"
    flag = f" {UNRELIABLE}" if answers.status == "unverified_excess" else ""
    if answers.masses_verified is False:
        flag += " Not verified: a check of the masses failed."
    return Answer(
        question=question,
        answer=interval(answers.m_resonance, answers.mass_unit),
        also=daughters,
        detail=f"{said} 68{SPACE}% intervals.{flag}",
    )


def _yield(result: AnalysisResult) -> Answer:
    answers, limit = result.answers, result.answers.upper_limit
    question = "How many signal events?"
    cap = (
        "No upper limit was computed."
        if limit is None
        else f"A narrow resonance at {mass(limit['mass'])}{NARROW}{answers.mass_unit} has at most "
        f"{count(limit['n_signal_95'])} events in this file (95 % CLs, from the inclusive spectrum)."
    )
    if answers.n_signal is None:
        if answers.status != "none":
            return Answer(question=question, answer="No number", detail=f"The mass fit gave no yield. {cap}")
        short = "None found" if limit is None else f"None found; at most {count(limit['n_signal_95'])}"
        return Answer(question=question, answer=short, detail=cap)
    total = result.input.get("n_events")
    share = "With 68 % interval, in the whole file before any selection."
    if isinstance(total, int) and total > 0:
        share = f"Of {count(total)} in the file, before any selection ({fraction(answers.n_signal.value / total)})."
    flag = f" {UNRELIABLE}" if answers.status == "unverified_excess" else ""
    return Answer(question=question, answer=interval(answers.n_signal), detail=f"{share}{flag} {cap}")
