import shutil
import subprocess

import pytest

from bumphunt.errors import InputError
from bumphunt.report.latex import escape, flatten, macros, measurement, number, percent, table


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "0.00"),
        (3, "3"),
        (834, "834"),
        (9_999, "9999"),
        (12_345, r"12\,345"),
        (-3.456, "$-3.46$"),
        (3857.0, "3857"),
        (3857.4, "3857"),
        (0.05, "0.0500"),
        (7.16e-24, r"$7.16\times10^{-24}$"),
        (1.0e-22, r"$1\times10^{-22}$"),
        (float("inf"), "--"),
        (True, "yes"),
        (False, "no"),
    ],
)
def test_numbers(value, printed):
    assert number(value) == printed


@pytest.mark.parametrize(("value", "printed"), [(0.0, "0"), (0.1471, "15"), (0.0294, "2.9"), (0.999, "100")])
def test_percentages(value, printed):
    assert percent(value) == printed


def test_measurements_are_rounded_as_the_particle_data_group_does():
    assert measurement(3856.6, 3826.9, 3886.2) == r"$3857 \pm 30$"
    assert measurement(100.0, 95.0, 120.0) == "$100^{+20}_{-5}$"


def test_paths_lead_to_every_number_and_leave_long_lists_out():
    found = dict(flatten({"b": [{"c d": 1}, 2.5], "e": list(range(50)), "f": {"g": None, "h": "text"}}, "a"))
    assert found == {"a.b.0.c-d": 1, "a.b.1": 2.5, "a.f.h": "text"}


def test_macros_define_numbers_and_percentages():
    text = macros({"a.b": 0.625, "a.m": r"$3 \pm 1$", "a.t": "50 % of it"})
    assert r"\csname val@a.b\endcsname{0.625}" in text
    assert r"\csname val@a.b.percent\endcsname{62}" in text
    assert r"\csname val@a.m\endcsname{$3 \pm 1$}" in text
    assert r"{50 \% of it}" in text
    with pytest.raises(InputError, match="a b"):
        macros({"a b": 1})


def test_tables_are_complete():
    text = table(["a", "b"], [["50 %", 0.5], [None, "$x$"]], columns="lc")
    assert text.splitlines()[0] == r"\begin{tabular}{lc}"
    assert r"50 \% & 0.500 \\" in text
    assert r" & $x$ \\" in text
    with pytest.raises(InputError, match="3 entries for 2"):
        table(["a", "b"], [[1, 2, 3]])


def test_special_characters_are_harmless():
    assert escape(r"a_b\c{d}$5#%&~^") == (r"a\_b\textbackslash{}c\{d\}\$5\#\%\&\textasciitilde{}\textasciicircum{}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_reads_them(tmp_path):
    values = {"one.m_x": r"$466 \pm 7$", "one.part-of": 0.625, "one.+2": "under_score % &"}
    (tmp_path / "macros.tex").write_text(macros(values), "utf-8")
    body = r"\val{one.m_x} \val{one.part-of.percent} \val{one.+2} \ifval{one.none}{\val{one.none}}{absent}"
    page = r"\documentclass{article}\input{macros}\usepackage{booktabs}\begin{document}%s %s\end{document}"
    (tmp_path / "page.tex").write_text(page % (body, table(["a"], [["b_c"]])), "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    (tmp_path / "page.tex").write_text(page % (r"\val{one.none}", ""), "utf-8")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "there is no result one.none" in done.stdout
