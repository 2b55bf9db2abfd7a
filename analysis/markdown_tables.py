"""Tables in Markdown from stored results: cells, intervals and signs as the pages print them."""

import json
from pathlib import Path
from typing import Any

from scipy.stats import beta

MINUS = "−"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("| --- ", "|---").replace("---|", "---|")


def load(results: Path, name: str) -> Any:
    return json.loads((results / f"{name}.json").read_text("utf-8"))


def lines(results: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / f"{name}.jsonl").read_text("utf-8").splitlines()]


def percent(value: float, digits: int = 0) -> str:
    return f"{100 * value:.{digits}f} %"


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)


def with_error(value: float, error: float) -> str:
    digits = 3 if error < 0.0095 else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def binomial(inside: int, number: int) -> str:
    """Return a count with the 95 % interval of the binomial (Clopper and Pearson)."""
    low = float(beta.ppf(0.025, inside, number - inside + 1)) if inside else 0.0
    high = float(beta.ppf(0.975, inside + 1, number - inside)) if inside < number else 1.0
    return f"{inside} of {number} ({100 * low:.0f}–{100 * high:.0f} %)"
