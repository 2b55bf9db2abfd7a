"""The ledger of looks: the same events searched again are noticed, and nothing in it is lost."""

import json
from types import SimpleNamespace

import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.looks import read_ledger, record_look, request_key, sentence

NONE = SimpleNamespace(status="none", z_global=1.234567)
EVIDENCE = SimpleNamespace(status="evidence", z_global=3.5)


def test_the_third_look_knows_the_two_before(tmp_path):
    ledger = tmp_path / "looks.json"
    assert record_look(ledger, events="a", request="1", seed=1, answers=NONE) == ()
    (first,) = record_look(ledger, events="a", request="2", seed=2, answers=EVIDENCE)
    assert first.z_global == 1.2346
    others = record_look(ledger, events="a", request="3", seed=3, answers=NONE)
    assert [each.status for each in others] == ["none", "evidence"]
    assert sentence(others) == (
        "third look at these events; the others said: none (1.2 sigma, seed 1); evidence (3.5 sigma, seed 2)"
    )


def test_other_events_are_no_look_and_the_same_request_is_no_second_one(tmp_path):
    ledger = tmp_path / "folder" / "looks.json"
    record_look(ledger, events="a", request="1", seed=1, answers=NONE)
    assert record_look(ledger, events="b", request="2", seed=1, answers=NONE) == ()
    assert record_look(ledger, events="a", request="1", seed=1, answers=NONE) == ()
    assert len(read_ledger(ledger)) == 2
    assert sentence(()) == ""


def test_many_looks_are_a_sentence_still(tmp_path):
    for seed in range(12):
        others = record_look(tmp_path / "looks.json", events="a", request=str(seed), seed=seed, answers=NONE)
    text = sentence(others)
    assert text.startswith("12th look at these events; the others said: 7 more, then none (1.2 sigma, seed 7)")
    assert len(text) < 300


def one_look(**changes):
    look = {"events": "a", "request": "0", "when": "2026", "seed": 1, "status": "none", "z_global": 0.5}
    return json.dumps({"looks": [{**look, **changes}]}).replace("Infinity", "1e999")


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"looks": 3}', '{"looks": [{"events": 1}]}', "[" * 100_000, '{"looks": [[]]}',
     one_look(z_global=float("inf")), one_look(z_global="3"), one_look(status=None)],
)  # fmt: skip
def test_a_damaged_ledger_is_not_overwritten(tmp_path, content):
    ledger = tmp_path / "looks.json"
    ledger.write_text(content)
    with pytest.raises(InputError, match="no readable ledger of looks"):
        record_look(ledger, events="a", request="1", seed=1, answers=NONE)
    assert ledger.read_text() == content


def test_a_request_is_known_by_its_settings_not_by_its_file():
    request = {"seed": 1, "config": {"cwola": {"folds": 5}}, "events": "x"}
    assert request_key(request) == request_key(json.loads(json.dumps({**request, "events": "y"})))
    assert request_key(request) != request_key({**request, "seed": 2})


@pytest.mark.parametrize("seed", ["1e999", "1.5", "true", "[1]", "null"])
def test_a_seed_that_is_none_makes_a_ledger_unreadable(tmp_path, seed):
    row = f'{{"events": "a", "request": "b", "when": "", "seed": {seed}, "status": "none", "z_global": 1.0}}'
    (tmp_path / "looks.json").write_text(f'{{"looks": [{row}]}}')
    with pytest.raises(InputError, match="no readable ledger of looks"):
        record_look(tmp_path / "looks.json", events="a", request="c", seed=1, answers=EVIDENCE)
