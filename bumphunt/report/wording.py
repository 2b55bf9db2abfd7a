"""The three answers in plain words, and the warnings that belong to them."""

from dataclasses import dataclass

from bumphunt.report.formats import NARROW, SPACE, count, fraction, interval, number, p_value, sigma
from bumphunt.results import AnalysisResult, Answers, Check, Products

STATUS_WORDS = {
    "none": "nothing found",
    "evidence": "evidence",
    "discovery": "discovery",
    "unverified_excess": "unverified excess",
}


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


def warnings(result: AnalysisResult) -> list[str]:
    """Return what a reader must know before quoting an answer, one sentence each."""
    failed = [check for check in result.checks if not check.passed]
    if result.answers.status == "unverified_excess":
        start = "Do not quote this as a signal: there is an excess, but it did not pass the quality checks."
        if not failed:
            return [f"{start} The saved result does not say which."]
        return [start, *(_failure(check) for check in failed)]
    return [_failure(check) for check in failed]


def _failure(check: Check) -> str:
    return (
        f"Check failed: {check.name.replace('_', ' ')} ({check.meaning}) is {number(check.value)}, "
        f"beyond its threshold of {number(check.threshold)}."
    )


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
        f"Best window {window.low:.0f}–{window.high:.0f}{NARROW}GeV: {count(window.n_observed)} events observed, "
        f"{window.n_expected:.1f} ± {window.n_expected_error:.1f} expected from background."
    )
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
    return Answer(question=question, answer=short, detail=f"{start}The excess has {_significance(answers)}. {where}")


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
        f"{name} {interval(value, 'GeV')}" for name, value in (("X:", answers.m_x), ("Y:", answers.m_y)) if value
    )
    flag = f" {UNRELIABLE}" if answers.status == "unverified_excess" else ""
    return Answer(
        question=question,
        answer=interval(answers.m_resonance, "GeV"),
        also=daughters,
        detail="The resonance, and below it the heavier (X) and lighter (Y) particle it decays to. "
        f"All with 68{SPACE}% intervals.{flag}",
    )


def _yield(result: AnalysisResult) -> Answer:
    answers, limit = result.answers, result.answers.upper_limit
    question = "How many signal events?"
    cap = (
        "No upper limit was computed."
        if limit is None
        else f"A narrow resonance at {limit['mass']:.0f}{NARROW}GeV has at most {count(limit['n_signal_95'])} "
        "events in this file (95 % CLs, from the inclusive spectrum)."
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
