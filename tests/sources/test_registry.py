"""Public files from a local server: cached, verified, continued, and clear about what went wrong."""

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bumphunt.errors import InputError
from bumphunt.sources import registry
from bumphunt.sources.registry import PUBLIC_FILES, cache_folder, fetch

CONTENT = random.Random(2).randbytes(20_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small(monkeypatch, server):
    """A file whose checksum is known beforehand."""
    known = PUBLIC_FILES["lhco-rnd-features"]
    entry = replace(known, name="small", file="small.h5", size=len(CONTENT), md5=MD5)
    monkeypatch.setitem(registry.PUBLIC_FILES, "small", entry)
    server.files["/small.h5"] = CONTENT
    return entry


@pytest.fixture
def listed(monkeypatch, server):
    """A file whose checksum only the record's listing tells; returns the listing's entry."""
    record = f"{server.url}/records/123/files/"
    entry = replace(PUBLIC_FILES["lhco-box1-raw"], name="listed", file="box.h5", record=record)
    monkeypatch.setitem(registry.PUBLIC_FILES, "listed", entry)
    item = {"id": "f00", "key": "box.h5", "size": len(CONTENT), "checksum": f"md5:{MD5}", "links": {"self": "no"}}
    server.files["/records/123/files/box.h5"] = CONTENT
    publish(server, item)
    return item


def publish(server, *items, **others):
    listing = {"id": 123, "files": [{"key": "other.h5", "checksum": "md5:0", "size": 1}, *items], **others}
    server.files["/api/records/123"] = json.dumps(listing).encode()


def left(folder):
    """Return what is in the folder beside the empty files of locks, which stay for those who wait for them."""
    names = sorted(path.name for path in folder.iterdir())
    locks = [name for name in names if name.endswith(".lock")]
    assert all((folder / name).stat().st_size == 0 for name in locks)
    return [name for name in names if name not in locks]


@pytest.mark.parametrize("name", ["small", "small.h5"])
@pytest.mark.parametrize("progress", [False, True])
def test_fetch_once(server, small, tmp_path, name, progress):
    path = fetch(name, cache=tmp_path / "cache", base_url=server.url, progress=progress)
    assert path.read_bytes() == CONTENT
    assert path == tmp_path / "cache" / "small.h5"
    assert fetch(name, cache=tmp_path / "cache", base_url=server.url) == path
    assert len(server.requests) == 1
    assert left(tmp_path / "cache") == ["small.h5"]
    assert path.stat().st_nlink == 1


def test_interrupted_and_continued_by_a_later_call(server, small, tmp_path):
    server.faults.extend([("break", 8_000), *[503] * 4])
    with pytest.raises(InputError, match="8000 of 20000 bytes are there, and repeating"):
        fetch("small", cache=tmp_path, base_url=server.url)
    assert left(tmp_path) == ["small.h5.part"]
    assert fetch("small", cache=tmp_path, base_url=server.url).read_bytes() == CONTENT
    assert (server.requests[-1].range, server.requests[-1].sent) == ("bytes=8000-", 12_000)
    assert left(tmp_path) == ["small.h5"]


def test_a_wrong_checksum_leaves_nothing_that_could_spoil_the_next_call(server, small, tmp_path):
    (tmp_path / "small.h5.part").write_bytes(b"of another file")
    wrong = hashlib.md5(b"of another file" + CONTENT[15:]).hexdigest()
    with pytest.raises(InputError, match=f"its md5 is {wrong}, but {MD5} is published") as caught:
        fetch("small", cache=tmp_path, base_url=server.url)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []
    assert fetch("small", cache=tmp_path, base_url=server.url).read_bytes() == CONTENT


def test_sha256_is_checked_in_the_place_of_md5_where_it_is_known(server, small, tmp_path, monkeypatch):
    """Another file of the same md5 can be made on purpose; here the md5 is simply that of what the server sends."""
    right = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setitem(registry.PUBLIC_FILES, "small", replace(small, sha256=right))
    path = fetch("small", cache=tmp_path, base_url=server.url)
    assert path.read_bytes() == CONTENT
    assert fetch("small", cache=tmp_path, base_url=server.url) == path
    assert len(server.requests) == 1

    monkeypatch.setitem(registry.PUBLIC_FILES, "small", replace(small, sha256=hashlib.sha256(b"other").hexdigest()))
    with pytest.raises(InputError, match=f"its sha256 is {right}, but d9298a10d1b0.* is published"):
        fetch("small", cache=tmp_path, base_url=server.url)
    assert left(tmp_path) in ([], ["small.h5"])

    monkeypatch.setitem(registry.PUBLIC_FILES, "small", replace(small, sha256=right, md5=None, size=None))
    (tmp_path / "small.h5").unlink(missing_ok=True)
    assert fetch("small", cache=tmp_path, base_url=server.url).read_bytes() == CONTENT
    assert left(tmp_path) == ["small.h5"], "no listing was asked for an md5"


def test_a_damaged_file_is_downloaded_again(server, small, tmp_path):
    (tmp_path / "small.h5").write_bytes(CONTENT[:-1] + b"?")
    assert fetch("small", cache=tmp_path, base_url=server.url).read_bytes() == CONTENT
    assert server.requests[0].range is None


def test_file_systems_without_hard_links(server, small, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", refuse)
    assert fetch("small", cache=tmp_path, base_url=server.url).read_bytes() == CONTENT
    assert left(tmp_path) == ["small.h5"]


def test_interrupted_while_summing_keeps_what_was_downloaded(server, small, tmp_path, monkeypatch):
    import pooch.core

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pooch.core, "hash_matches", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch("small", cache=tmp_path, base_url=server.url)
    assert left(tmp_path) == ["small.h5.part"]
    assert fetch("small", cache=tmp_path, base_url=server.url).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_no_such_file_on_the_server_and_no_server(server, small, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.PUBLIC_FILES, "small", replace(small, file="absent.h5"))
    with pytest.raises(InputError, match=r"cannot be downloaded .*404"):
        fetch("small", cache=tmp_path / "cache", base_url=server.url)
    with pytest.raises(InputError, match="cannot be downloaded"):
        fetch("small", cache=tmp_path / "cache", base_url="http://127.0.0.1:9")


def test_a_folder_that_is_a_file(server, small, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot be kept in .*BUMPHUNT_CACHE"):
        fetch("small", cache=tmp_path / "file", base_url=server.url)


def test_threads_that_want_the_same_file_download_it_once(server, small, tmp_path):
    server.faults.append(("break", 5_000))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch("small", cache=tmp_path, base_url=server.url)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [tmp_path / "small.h5"] * 4
    assert found[0].read_bytes() == CONTENT
    assert [request.sent for request in server.requests] == [5_000, 15_000]


def test_processes_that_want_the_same_file_download_it_once(server, listed, tmp_path):
    code = f"""
from dataclasses import replace
from bumphunt.sources import registry
known = registry.PUBLIC_FILES["lhco-box1-raw"]
registry.PUBLIC_FILES["x"] = replace(known, file="box.h5", record="{server.url}/records/123/files/")
print(registry.fetch("x", cache={str(tmp_path)!r}))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert outputs == [str(tmp_path / "box.h5")] * 2
    assert sum(request.sent for request in server.asked("/records/123/files/box.h5")) == len(CONTENT)
    assert left(tmp_path) == ["box.h5", "box.h5.md5"]


def test_a_listed_checksum_is_kept_and_used_without_network(server, listed, tmp_path):
    path = fetch("listed", cache=tmp_path)
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "box.h5.md5").read_text() == f"{MD5}  box.h5\n"
    assert [request.path for request in server.requests] == ["/api/records/123", "/records/123/files/box.h5"]
    server.files.clear()
    assert fetch("listed", cache=tmp_path) == path
    assert len(server.requests) == 2


def test_a_listed_file_is_continued_without_its_listing(server, listed, tmp_path):
    server.faults.extend([503, None, ("break", 8_000), *[503] * 4])
    with pytest.raises(InputError, match="8000 of 20000 bytes"):
        fetch("listed", cache=tmp_path)
    del server.files["/api/records/123"]
    assert fetch("listed", cache=tmp_path).read_bytes() == CONTENT
    assert server.requests[-1].sent == 12_000


def test_a_file_put_there_by_hand_is_verified(server, listed, tmp_path):
    (tmp_path / "box.h5").write_bytes(CONTENT)
    assert fetch("listed", cache=tmp_path).read_bytes() == CONTENT
    assert [request.path for request in server.requests] == ["/api/records/123"]


def test_a_mirror_does_not_tell_the_checksum(server, listed, tmp_path):
    server.files["/mirror/box.h5"] = CONTENT[::-1]
    wrong = hashlib.md5(CONTENT[::-1]).hexdigest()
    with pytest.raises(InputError, match=f"{wrong}, but {MD5} is published"):
        fetch("listed", cache=tmp_path, base_url=f"{server.url}/mirror")


def test_a_kept_checksum_that_is_wrong_does_not_stay(server, listed, tmp_path):
    (tmp_path / "box.h5.md5").write_text("0" * 32 + "  box.h5\n")
    with pytest.raises(InputError, match=f"its md5 is {MD5}, but 0{{32}} is published"):
        fetch("listed", cache=tmp_path)
    assert left(tmp_path) == []
    assert fetch("listed", cache=tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("text", ["", "no sum", "\xff\x00"])
def test_a_kept_checksum_that_is_none_is_asked_for_again(server, listed, tmp_path, text):
    (tmp_path / "box.h5.md5").write_text(text, "latin1")
    assert fetch("listed", cache=tmp_path).read_bytes() == CONTENT
    assert (tmp_path / "box.h5.md5").read_text().startswith(MD5)


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (b'{"files": [{"key": "other.h5"}]}', "does not list box.h5, but other.h5"),
        (b'{"files": []}', "does not list box.h5, but no files"),
        (b'{"files": {"key": "box.h5"}}', "but no files"),
        (b'{"message": "gone"}', "but no files"),
        (b"[]", "but no files"),
        (b"<html>busy</html>", "cannot be read"),
        (b'{"files": [{"key": "box.h5"}]}', "checksum 'None', which is no md5"),
        (b'{"files": [{"key": "box.h5", "checksum": "sha256:abc"}]}', "'sha256:abc', which is no md5"),
        (None, "cannot be read .*404"),
    ],
)
def test_nothing_is_downloaded_that_cannot_be_verified(server, listed, tmp_path, listing, words):
    server.files["/api/records/123"] = listing
    with pytest.raises(InputError, match=words) as caught:
        fetch("listed", cache=tmp_path)
    assert "\n" not in str(caught.value)
    assert not server.asked("/records/123/files/box.h5")
    assert left(tmp_path) == []


def test_unknown_name():
    with pytest.raises(InputError, match="lhco-rnd-features"):
        fetch("nothing")


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BUMPHUNT_CACHE", str(tmp_path / "env"))
    assert cache_folder() == tmp_path / "env"
    assert cache_folder(tmp_path / "argument") == tmp_path / "argument"
    monkeypatch.delenv("BUMPHUNT_CACHE")
    assert "bumphunt" in str(cache_folder())


def test_registered_files_are_plausible():
    assert len({entry.file for entry in PUBLIC_FILES.values()}) == len(PUBLIC_FILES)
    for name, entry in PUBLIC_FILES.items():
        assert entry.name == name
        assert entry.record.startswith("https://zenodo.org/records/")
        assert entry.record.endswith("/files/")
        assert (entry.md5 is None) == (entry.size is None)
        if entry.md5 is not None:
            assert len(entry.md5) == 32
            assert entry.size > 1e6
