"""What cannot be published is refused in one line: no finished run, damaged files, limits of other events."""

import json
import shutil
import sys

import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.errors import MissingExtraError
from bumphunt.jobs.publish import publish

from .test_publish import LIMITS, copied

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")


def edited(**entries):
    def change(folder):
        saved = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps({**saved, **entries}))

    return change


def limited(content):
    return lambda folder: (folder / "limits.json").write_text(json.dumps(content))


def foreign(folder):
    (folder / "hepdata").mkdir()
    (folder / "hepdata" / "thesis.txt").write_text("mine")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda folder: (folder / "result.json").unlink(), "not a finished run"),
        (shutil.rmtree, "not a finished run"),
        (edited(blind=True), "blinded run"),
        (edited(schema_version="1"), "schema version '1'"),
        (lambda folder: (folder / "result.json").write_text("[]"), "damaged"),
        (lambda folder: (folder / "products.json").unlink(), "products.json cannot be read"),
        (lambda folder: (folder / "workspace.json").write_text("{}"), "workspace.json is damaged"),
        (
            lambda folder: (folder / "workspace.json").write_text('{"observations": [{"data": [1]}]}'),
            "workspace in",
        ),
        (edited(input={"n_events": 3}), "result.json is damaged"),
        (limited(3), "not what `bumphunt limits` writes"),
        (limited({"points": 3}), "not what `bumphunt limits` writes"),
        (limited({**LIMITS, "expected": [1.0]}), "5 expected limits"),
        (limited({**LIMITS, "input": {"content": "another"}}), "limits of other events"),
        (foreign, "was not made by this program"),
    ],
)
def test_what_cannot_be_published_is_refused_in_one_line(finished, tmp_path, change, word):
    folder = copied(finished, tmp_path / "run")
    change(folder)
    done = CliRunner().invoke(main, ["publish", str(folder)])
    assert done.exit_code == 2, done.output
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_the_extra_it_says_which(finished, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hepdata_lib", None)
    folder = copied(finished, tmp_path / "run")
    with pytest.raises(MissingExtraError, match=r"pip install 'bumphunt\[publish\]'"):
        publish(folder)
    assert not (folder / "hepdata").exists()
