"""The family of errors: what the command line may catch, and what it must not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bumphunt
from bumphunt import errors


@pytest.mark.parametrize("error", [errors.ConfigError, errors.MissingExtraError])
def test_mistakes_of_the_user_are_input_errors(error):
    assert issubclass(error, errors.InputError)


@pytest.mark.parametrize("error", [errors.TruthError, errors.FitError])
def test_faults_are_not_blamed_on_the_user(error):
    assert issubclass(error, errors.BumphuntError)
    assert not issubclass(error, errors.InputError)


def test_a_missing_extra_says_what_to_install():
    message = str(errors.MissingExtraError("uproot", "root", "reading ROOT files"))
    assert "reading ROOT files" in message
    assert "'uproot'" in message
    assert "pip install 'bumphunt[root]'" in message
    assert "\n" not in message


def test_messages_are_one_line_that_a_terminal_can_be_shown():
    hostile = "\x1b[31mred\x07 \u202egnp.exe\r\nsecond\x00line \udc80"
    message = str(errors.InputError(f"column {hostile} is wrong"))
    assert message.isprintable()
    assert "\\x1b[31mred\\x07 \\u202egnp.exe" in message


@pytest.mark.parametrize("value", ["x" * 5_000_000, "x y " * 1_000_000, "\x1b" * 5_000_000])
def test_megabytes_in_a_message_are_cut_and_the_remedy_stays(value):
    message = str(errors.ConfigError(f"a.yaml: key {value!r} is unknown; remove it"))
    assert len(message) <= errors.LONGEST_MESSAGE
    assert message.startswith("a.yaml: key 'x" if "x" in value else "a.yaml: key '")
    assert message.endswith("is unknown; remove it")


def test_a_warning_names_the_line_of_the_user_and_no_file_of_the_package() -> None:
    table = pd.DataFrame({"mjj": [3_500.0] * 3, "mj1": [500.0] * 3, "mj2": [-0.001, 100.0, 100.0]})
    with pytest.warns(UserWarning, match="read as 0") as caught:
        bumphunt.events.check_events(table)
    assert {Path(each.filename).name for each in caught} == {"test_errors.py"}


@pytest.mark.parametrize(("value", "shown"), [("two", "'two'"), (1.5, "1.5"), (True, "True"), (None, "None"), (0, "0")])
def test_what_is_no_whole_number_is_refused_in_a_line(value, shown):
    with pytest.raises(errors.InputError, match=f"^workers is {shown}; give a whole number of at least 1$"):
        errors.whole_number(value, "workers", least=1)


def test_a_search_refuses_a_seed_and_workers_that_are_no_numbers(make_events):
    for wrong in ({"seed": None}, {"seed": 1.5}, {"workers": "two"}, {"workers": 0}):
        with pytest.raises(errors.InputError, match="give a whole number"):
            bumphunt.hunt(make_events(10), **wrong)


def test_numpy_s_numbers_are_numbers():
    assert errors.whole_number(np.int64(3), "seed", least=0) == 3
