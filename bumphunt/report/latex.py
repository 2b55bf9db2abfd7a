r"""Numbers and tables for a LaTeX paper, so that none is typed by hand.

A number is known in the paper by its path in a JSON of results: ``\val{injections.m_x.pull_mean}``. A path that
does not exist stops LaTeX with an error; ``\ifval{path}{with}{without}`` asks first.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bumphunt.errors import InputError
from bumphunt.results import pdg_round

PREAMBLE = r"""\makeatletter
\providecommand{\val}[1]{\ifcsname val@#1\endcsname\csname val@#1\endcsname\else
  \PackageError{results}{there is no result #1}{Write the numbers again, or fix the path.}\fi}
\providecommand{\ifval}[3]{\ifcsname val@#1\endcsname #2\else #3\fi}
\makeatother
"""

_SPECIAL = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
            "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
            "σ": r"$\sigma$", "²": r"$^2$", "ζ": r"$\zeta$", "ξ": r"$\xi$", "τ": r"$\tau$",
            "≥": r"$\geq$", "×": r"$\times$", "≈": r"$\approx$"}  # fmt: skip


def escape(text: str) -> str:
    r"""Return plain text so that LaTeX prints it as it is.

    Parameters
    ----------
    text : str
        Any text.

    Examples
    --------
    >>> escape("50 % of tau_21 & more")
    '50 \\% of tau\\_21 \\& more'
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def number(value: float, *, digits: int = 3) -> str:
    r"""Return a number with so many significant digits; whole numbers in full, thousands apart.

    Parameters
    ----------
    value : float
        What to print.
    digits : int
        Significant digits of what is not a whole number.

    Examples
    --------
    >>> number(0.83449), number(1_000_000), number(2.0e-22), number(float("nan"))
    ('0.834', '1\\,000\\,000', '$2\\times10^{-22}$', '--')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return "--"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 10):
        whole = f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
        return _minus(whole.replace(",", r"\,"))
    if 1e-3 <= abs(value) < 1e5 or value == 0:
        places = max(digits - 1 - math.floor(math.log10(abs(value))), 0) if value else digits - 1
        return _minus(f"{value:.{places}f}")
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return rf"${mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}\times10^{{{int(power)}}}$"


def percent(value: float) -> str:
    r"""Return a part of one as a percentage, without the sign: no digit after the point from 10 % on.

    Parameters
    ----------
    value : float
        For example 0.625.

    Examples
    --------
    >>> percent(0.625), percent(0.023), percent(1.0)
    ('62', '2.3', '100')
    """
    size = abs(100.0 * value)
    return number(100.0 * value, digits=2) if 0 < size < 10 else f"{100.0 * value:.0f}"


def measurement(value: float, low: float, high: float) -> str:
    r"""Return a value with its interval in a formula, rounded by the rule of the Particle Data Group.

    Parameters
    ----------
    value, low, high : float
        The number and the ends of its interval.

    Examples
    --------
    >>> measurement(466.2, 459.4, 473.1), measurement(850.0, 600.0, 1000.0)
    ('$466 \\pm 7$', '$850^{+150}_{-250}$')
    """
    up, down = high - value, value - low
    text, error = pdg_round(value, max(up, down))
    if abs(up - down) <= 0.2 * max(up, down):
        return rf"${text} \pm {error}$"
    return rf"${text}^{{+{pdg_round(value, up)[1]}}}_{{-{pdg_round(value, down)[1]}}}$"


def key(*parts: str) -> str:
    """Return the path of a number: its parts without spaces and signs, joined by dots.

    Parameters
    ----------
    *parts : str
        Names of a JSON and of the entries down to the number.

    Examples
    --------
    >>> key("training", "0.1 %", "auc", "z")
    'training.0.1.auc.z'
    """
    return ".".join(re.sub(r"[^\w.+-]+", "-", part).strip("-") for part in parts)


def flatten(data: Any, *parts: str, longest: int = 24) -> Iterator[tuple[str, Any]]:
    """Yield every number, flag and short text in nested results with its path.

    Parameters
    ----------
    data : dict, list, or a single value
        As read from JSON.
    *parts : str
        What the paths begin with.
    longest : int
        Lists of more entries than this are left out: they are data for figures.

    Examples
    --------
    >>> dict(flatten({"a": {"b c": 1.5, "d": [2, 3]}, "e": None}, "x"))
    {'x.a.b-c': 1.5, 'x.a.d.0': 2, 'x.a.d.1': 3}
    """
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from flatten(value, *parts, str(name), longest=longest)
    elif isinstance(data, list | tuple):
        if len(data) <= longest:
            for position, value in enumerate(data):
                yield from flatten(value, *parts, str(position), longest=longest)
    elif data is not None:
        yield key(*parts), data


def macros(values: Mapping[str, Any]) -> str:
    r"""Return a LaTeX file that defines ``\val{path}`` for every value.

    Texts that begin and end with a dollar sign are formulas and are kept; others are escaped. A number between 0
    and 1 is also defined as ``path.percent``.

    Parameters
    ----------
    values : mapping of str to number, flag or text
        By path, as from :func:`flatten`.

    Raises
    ------
    InputError
        If a path holds a character that cannot be part of a name.
    """
    lines = [PREAMBLE]
    for path, value in values.items():
        if re.search(r"[^\w.+-]", path):
            raise InputError(f"{path!r} cannot be the path of a number; make it with key()")
        lines.append(_define(path, _text(value)))
        if isinstance(value, float) and 0 < value <= 1 and f"{path}.percent" not in values:
            lines.append(_define(f"{path}.percent", percent(value)))
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, columns: str | None = None) -> str:
    r"""Return a booktabs tabular: numbers printed by :func:`number`, texts escaped, formulas kept.

    Parameters
    ----------
    head : sequence of str
        Column heads.
    rows : sequence of sequences
        One entry for each head: a number, a text, a formula in dollar signs, or None for nothing.
    columns : str, optional
        LaTeX column types; by default left for the first and right for the others.

    Raises
    ------
    InputError
        If a row has not one entry for each head.

    Examples
    --------
    >>> print(table(["mass", "answer"], [["$m_X$", 466.25]]))
    \begin{tabular}{lr}
    \toprule
    mass & answer \\
    \midrule
    $m_X$ & 466 \\
    \bottomrule
    \end{tabular}
    """
    wrong = [row for row in rows if len(row) != len(head)]
    if wrong:
        raise InputError(f"a row has {len(wrong[0])} entries for {len(head)} columns; give one for each")
    body = [" & ".join("" if cell is None else _text(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns or 'l' + 'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(_text(text) for text in head) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value if is_formula(value) else escape(value)
    return number(value)


def is_formula(text: str) -> bool:
    """Return whether a text begins and ends with a dollar sign, and is printed as it stands.

    Parameters
    ----------
    text : str
        Any text.
    """
    return len(text) > 2 and text[0] == text[-1] == "$"


def _define(path: str, text: str) -> str:
    return rf"\expandafter\def\csname val@{path}\endcsname{{{text}}}"


def _minus(text: str) -> str:
    return f"${text}$" if text.startswith("-") else text
