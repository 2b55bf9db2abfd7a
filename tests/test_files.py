"""Files are whole or not there, and the operating system's refusals are one line."""

import json
import os
import stat
from types import SimpleNamespace

import pytest

from bumphunt.errors import InputError
from bumphunt.files import clear, file_sha256, make_folder, replace_folder, write_atomically, write_json, write_text
from bumphunt.jobs.looks import record_look
from bumphunt.jobs.store import LOCK, output_folder
from bumphunt.locks import locked


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


@pytest.fixture
def victim(tmp_path):
    """A file of somebody else, to which links lead."""
    path = tmp_path / "elsewhere" / "victim"
    path.parent.mkdir()
    path.write_text("precious")
    yield path
    assert path.read_text() == "precious"


@pytest.mark.parametrize("write", [write_text, lambda path, text: write_json(path, {"text": text})])
def test_a_link_under_the_temporary_name_is_not_followed(tmp_path, victim, monkeypatch, write):
    monkeypatch.setattr("bumphunt.files.secrets.token_hex", lambda _: "guessed")
    (tmp_path / ".result.guessed.part.json").symlink_to(victim)
    with pytest.raises(InputError, match=r"cannot write .*result\.json: file exists"):
        write(tmp_path / "result.json", "mine")
    assert not (tmp_path / "result.json").exists()


def test_a_folder_or_link_under_the_temporary_name_is_not_filled_nor_removed(tmp_path, victim, monkeypatch):
    monkeypatch.setattr("bumphunt.files.secrets.token_hex", lambda _: "guessed")
    planted = tmp_path / ".models.guessed.part"
    planted.symlink_to(victim.parent)
    for _ in range(2):
        with pytest.raises(InputError, match=r"cannot write .*models: file exists"):
            replace_folder(tmp_path / "models", lambda part: (part / "victim").write_text("mine"))
        assert planted.exists(), "it was not ours"
        planted.unlink() if planted.is_symlink() else None
        planted.mkdir(exist_ok=True)
        (planted / "theirs").write_text("precious")
    assert (planted / "theirs").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed here by the system itself")
def test_a_link_at_the_lock_is_not_followed(tmp_path, victim):
    out = tmp_path / "out"
    out.mkdir()
    (out / LOCK).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"), output_folder(out):
        pytest.fail("the folder was entered")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "made by the link")
    with pytest.raises(OSError, match="symbolic links"), locked(dangling):
        pytest.fail("the lock was taken")
    (tmp_path / ".looks.json.lock").symlink_to(tmp_path / "made by the link")
    answers = SimpleNamespace(status="none", z_global=0.0)
    with pytest.raises(OSError, match="symbolic links"):
        record_look(tmp_path / "looks.json", events="e", request="r", seed=1, answers=answers)
    assert not (tmp_path / "made by the link").exists()


def test_what_cannot_be_cleared_away_is_named(tmp_path, monkeypatch, caplog):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    clear(tmp_path / "not there")
    assert not caplog.messages
    monkeypatch.setattr("bumphunt.files.shutil.rmtree", refuse)
    made = replace_folder(tmp_path / "models", lambda part: (part / "a").write_text("new"))
    assert (made / "a").read_text() == "new"
    again = replace_folder(tmp_path / "models", lambda part: (part / "a").write_text("newer"))
    assert (again / "a").read_text() == "newer", "the work is done all the same"
    assert any(".old.part: cannot be removed (permission denied) and takes room" in line for line in caplog.messages)
