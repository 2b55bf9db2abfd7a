"""The family of errors: what the command line may catch, and what it must not."""

import pytest

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
