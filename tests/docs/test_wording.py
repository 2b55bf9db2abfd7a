"""Plain words: what a physicist would stop at is not written anywhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AVOIDED = {
    r"seed documents?": "the author and title, docs/praktikum.md",
    r"\bleaky\b|\bwhole jets?\b": "contained or uncontained jets",
    r"(?-i:\bm_z\b)": "m_resonance",
    r"tells? nothing apart": "carries no information",
    r"\bis there twice\b": "appears twice",
    r"\bmend(s|ed|ing)?\b": "fix",
}


def test_words_that_stop_a_reader_are_not_used():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    texts = [ROOT / name for name in listed if re.search(r"\.(py|pyi|md|ipynb|tex|bib|toml|yml|j2)$|^Makefile$", name)]
    assert len(texts) > 300
    found = []
    for path in texts:
        if path == Path(__file__) or not path.exists():
            continue
        text = re.sub(r"\s+", " ", path.read_text("utf-8"))
        found += [
            f"{path.relative_to(ROOT)}: {match.group()!r}; write {better}"
            for words, better in AVOIDED.items()
            for match in re.finditer(words, text, re.IGNORECASE)
        ]
    assert not found
