"""Files are whole or not there, and the operating system's refusals are one line."""

import json
import os
import stat

import pytest

from bumphunt.errors import InputError
from bumphunt.files import file_sha256, make_folder, write_atomically, write_json, write_text


def test_a_file_is_whole_or_not_there(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("before")

    def fail(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(InputError, match=r"result\.json: disk full; what was there before is untouched"):
        write_atomically(target, fail)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"z": float("nan")})
    assert not list(tmp_path.iterdir())
    assert json.loads(write_json(tmp_path / "a.json", {"z": [1.5, None]}).read_text()) == {"z": [1.5, None]}


def test_the_hash_is_sha256(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert file_sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_refusal_names_the_file_and_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"a\.json: the folder .*/file is not a folder"):
        write_json(tmp_path / "file" / "a.json", {})
    with pytest.raises(InputError, match=r"cannot make the folder .*: not a directory; choose another one"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(InputError, match="does not exist; make it first"):
        write_text(tmp_path / "missing" / "a.txt", "")
    with pytest.raises(InputError, match="file name too long"):
        write_text(tmp_path / ("a" * 300), "")


def test_files_have_the_permissions_the_user_asked_for(tmp_path):
    before = os.umask(0o027)
    try:
        written = write_text(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE(written.stat().st_mode) == 0o640
