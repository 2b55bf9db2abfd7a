"""Downloads from a local server: cached, verified, and clear about what went wrong."""

import functools
import hashlib
import http.server
import threading
from dataclasses import replace

import pytest

from bumphunt.errors import InputError
from bumphunt.sources import registry
from bumphunt.sources.registry import PUBLIC_FILES, cache_folder, fetch

CONTENT = b"not really ten jets" * 100


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve a folder without writing a log, and remember what was asked for."""

    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *_):
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "small.h5").write_bytes(CONTENT)
    Quiet.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def small(monkeypatch):
    entry = replace(
        PUBLIC_FILES["lhco-rnd-features"],
        name="small",
        file="small.h5",
        size=len(CONTENT),
        md5=hashlib.md5(CONTENT).hexdigest(),
    )
    monkeypatch.setitem(registry.PUBLIC_FILES, "small", entry)
    return entry


@pytest.mark.parametrize("name", ["small", "small.h5"])
@pytest.mark.parametrize("progress", [False, True])
def test_fetch_once(server, small, tmp_path, name, progress):
    path = fetch(name, cache=tmp_path / "cache", base_url=server, progress=progress)
    assert path.read_bytes() == CONTENT
    assert path == tmp_path / "cache" / "small.h5"
    assert fetch(name, cache=tmp_path / "cache", base_url=server) == path
    assert len(Quiet.asked) == 1


def test_wrong_checksum(server, small, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.PUBLIC_FILES, "small", replace(small, md5="0" * 32))
    with pytest.raises(InputError, match="md5 differs") as caught:
        fetch("small", cache=tmp_path / "cache", base_url=server)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache" / "small.h5").exists()


def test_no_such_file_on_the_server_and_no_server(server, small, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.PUBLIC_FILES, "small", replace(small, file="absent.h5"))
    with pytest.raises(InputError, match="cannot be downloaded"):
        fetch("small", cache=tmp_path / "cache", base_url=server)
    with pytest.raises(InputError, match="cannot be downloaded"):
        fetch("small", cache=tmp_path / "cache", base_url="http://127.0.0.1:9")


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
    for name, entry in PUBLIC_FILES.items():
        assert entry.name == name
        assert len(entry.md5) == 32
        assert entry.size > 1e6
        assert entry.record.startswith("https://zenodo.org/records/")
