"""Downloads that break off, go on, start anew, or end in one clear line."""

import random
import threading
import time
from pathlib import Path

import pytest

from bumphunt.errors import InputError
from bumphunt.locks import locked
from bumphunt.sources import download
from bumphunt.sources.download import get_json, readable

CONTENT = random.Random(1).randbytes(20_000)


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


@pytest.fixture
def url(server):
    server.files["/file"] = CONTENT
    return f"{server.url}/file"


def history(server):
    return [(request.status, request.range, request.sent) for request in server.requests]


def test_all_at_once_with_a_report_of_progress(server, url, part):
    seen = []
    download.download(url, part, size=len(CONTENT), report=lambda arrived, total: seen.append((arrived, total)))
    assert part.read_bytes() == CONTENT
    assert history(server) == [(200, None, 20_000)]
    assert seen[0] == (1000, 20_000)
    assert seen[-1] == (20_000, 20_000)


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_broken_connection_is_resumed_where_it_broke(server, url, part, size):
    server.faults.extend([("break", 7_000), ("break", 5_000)])
    download.download(url, part, size=size)
    assert part.read_bytes() == CONTENT
    assert history(server) == [
        (200, None, 7_000),
        (206, "bytes=7000-", 5_000),
        (206, "bytes=12000-", 8_000),
    ]


def test_breaks_are_told_in_few_words(server, url, part, caplog):
    server.faults.append(("break", 7_000))
    download.download(url, part)
    assert caplog.messages == ["the connection broke; attempt 2 of 5 in 0 s"]


def test_a_later_call_sends_only_the_rest(server, url, part):
    part.write_bytes(CONTENT[:12_345])
    seen = []
    download.download(url, part, size=len(CONTENT), report=lambda arrived, _: seen.append(arrived))
    assert part.read_bytes() == CONTENT
    assert history(server) == [(206, "bytes=12345-", 20_000 - 12_345)]
    assert seen[0] == 13_345


def test_what_is_complete_needs_no_server(part):
    part.write_bytes(CONTENT)
    download.download("http://127.0.0.1:9/file", part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT


def test_what_is_complete_without_a_known_size(server, url, part):
    part.write_bytes(CONTENT)
    download.download(url, part)
    assert part.read_bytes() == CONTENT
    assert history(server) == [(416, "bytes=20000-", 0)]


def test_a_server_that_ignores_ranges_starts_anew(server, url, part):
    server.ranges = False
    part.write_bytes(b"x" * 12_345)
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert history(server) == [(200, "bytes=12345-", 20_000)]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_more_than_the_server_has_starts_anew(server, url, part, size):
    part.write_bytes(b"x" * 20_001)
    download.download(url, part, size=size)
    assert part.read_bytes() == CONTENT
    assert server.requests[-1].range is None


@pytest.mark.parametrize(
    "range_sent", ["bytes 4000-19999/21000", "bytes 3999-19999/20000", "bytes 4000", None], ids=str
)
def test_a_range_that_does_not_fit_starts_anew(server, url, part, range_sent):
    server.faults.append({"Content-Range": range_sent})
    part.write_bytes(CONTENT[:4_000])
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert [request.range for request in server.requests] == ["bytes=4000-", None]


def test_a_total_that_the_server_does_not_know_is_no_change(server, url, part):
    server.faults.append({"Content-Range": "bytes 4000-19999/*"})
    part.write_bytes(CONTENT[:4_000])
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_another_size_than_published_is_refused_before_it_is_downloaded(server, url, part):
    part.write_bytes(b"old")
    server.ranges = False
    with pytest.raises(InputError, match="offers 20000 bytes, but 30000 are published"):
        download.download(url, part, size=30_000)
    assert part.read_bytes() == b"old"


def test_a_short_body_without_a_length_is_noticed(server, url, part, monkeypatch):
    server.faults.append({"Content-Length": None})
    server.files["/file"] = CONTENT[:9_000]
    monkeypatch.setattr(time, "sleep", lambda _: server.files.update({"/file": CONTENT}))
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert history(server)[1] == (206, "bytes=9000-", 11_000)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_busy_server_is_asked_again(server, url, part, status):
    server.faults.append(status)
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert [request.status for request in server.requests] == [status, 200]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(server, url, part, status):
    server.faults.append(status)
    with pytest.raises(InputError, match=f"cannot be downloaded .*{status}") as caught:
        download.download(url, part)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


def test_giving_up_says_what_is_there_and_the_next_call_goes_on(server, url, part):
    server.faults.extend([("break", 6_000), *[503] * (download.ATTEMPTS - 1)])
    with pytest.raises(InputError, match=r"503.*6000 of 20000 bytes are there, and repeating the command continues"):
        download.download(url, part, size=len(CONTENT))
    assert len(server.requests) == download.ATTEMPTS
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert server.requests[-1].sent == 14_000


def test_progress_starts_the_count_anew(server, url, part, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS", 1_000)
    server.faults.extend([("break", 1_000)] * (2 * download.ATTEMPTS))
    download.download(url, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert len(server.requests) == 2 * download.ATTEMPTS + 1


def test_breaking_at_the_same_place_for_ever_is_no_progress(server, url, part, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS", 1_000)
    server.ranges = False
    server.faults.extend([("break", 5_000)] * 50)
    with pytest.raises(InputError, match="5000 of 20000 bytes"):
        download.download(url, part, size=len(CONTENT))
    assert len(server.requests) == download.ATTEMPTS


def test_pauses_grow_and_heed_the_server(server, url, part, monkeypatch):
    pauses = []
    monkeypatch.setattr(download, "WAIT", 1.0)
    monkeypatch.setattr(time, "sleep", pauses.append)
    replies = iter([(503, "7"), (503, "Sat, 01 Jan 2028 00:00:00 GMT"), (429, "86400"), (500, ""), (500, "")])

    def refuse(answer):
        answer.status_code, answer.headers["Retry-After"] = next(replies)
        return real(answer)

    real = download._check_status
    monkeypatch.setattr(download, "_check_status", refuse)
    with pytest.raises(InputError, match="500"):
        download.download(url, part)
    assert pauses == [7.0, 2.0, 60.0, 8.0]


def test_silence_counts_as_a_broken_connection(part, monkeypatch):
    import socket

    monkeypatch.setattr(download, "WAIT", 0.0)
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(InputError, match=r"timed out.*nothing has"):
        download.download(f"http://127.0.0.1:{mute.getsockname()[1]}/file", part)


def test_no_server(part, monkeypatch):
    monkeypatch.setattr(download, "WAIT", 0.0)
    with pytest.raises(InputError, match=r"cannot be downloaded \(Failed to establish .*nothing has arrived yet"):
        download.download("http://127.0.0.1:9/file", part)
    with pytest.raises(InputError, match="cannot be downloaded"):
        download.download("127.0.0.1/file", part)


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_too_little_space_is_noticed_before_anything_is_written(server, url, part, monkeypatch, size):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 8_000})())
    with pytest.raises(InputError, match=r"needs 20 kB more in .*, where 8 kB are free"):
        download.download(url, part, size=size)
    assert not part.exists()
    part.write_bytes(CONTENT[:12_000])
    download.download(url, part, size=size)
    assert part.read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_disk_that_fills_up(server, url, part):
    part.symlink_to("/dev/full")
    with pytest.raises(InputError, match="the disk is full; free some space"):
        download.download(url, part)
    assert len(server.requests) == 1


def test_json(server):
    server.files["/good"] = b'{"files": []}'
    server.files["/bad"] = b"<html>"
    server.faults.append(503)
    assert get_json(f"{server.url}/good") == {"files": []}
    for path, words in (("/bad", "cannot be read"), ("/absent", "404")):
        with pytest.raises(InputError, match=words):
            get_json(server.url + path)


def test_one_at_a_time(tmp_path):
    path = tmp_path / "lock"
    inside, most, lock = [], [], threading.Lock()

    def enter(name):
        with locked(path):
            with lock:
                inside.append(name)
                most.append(len(inside))
            time.sleep(0.005)
            with lock:
                inside.remove(name)

    threads = [threading.Thread(target=enter, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == [1] * 8
    assert path.stat().st_size == 0, "it stays: who waits must wait for the same file"


def test_who_waits_is_told(tmp_path, caplog):
    def enter():
        with locked(tmp_path / "lock"):
            pass

    waiting = threading.Thread(target=enter)
    with locked(tmp_path / "lock"):
        waiting.start()
        until = time.monotonic() + 10
        while "another process is at work" not in caplog.text and time.monotonic() < until:
            time.sleep(0.001)
        assert waiting.is_alive()
    waiting.join(10)
    assert "another process is at work" in caplog.text
    assert not waiting.is_alive()


def test_who_waited_holds_the_lock_against_newcomers(tmp_path, caplog):
    entered, leave, late = threading.Event(), threading.Event(), threading.Event()

    def wait():
        with locked(tmp_path / "lock"):
            entered.set()
            leave.wait(10)

    def newcomer():
        with locked(tmp_path / "lock"):
            late.set()

    threads = [threading.Thread(target=wait), threading.Thread(target=newcomer)]
    with locked(tmp_path / "lock"):
        threads[0].start()
        until = time.monotonic() + 10
        while "another process is at work" not in caplog.text and time.monotonic() < until:
            time.sleep(0.001)
    assert entered.wait(10)
    threads[1].start()
    assert not late.wait(0.1)
    leave.set()
    assert late.wait(10)
    for thread in threads:
        thread.join(10)


def test_a_lock_ends_with_an_error_inside(tmp_path):
    with pytest.raises(InputError), locked(tmp_path / "lock"):
        raise InputError("inside")
    with locked(tmp_path / "lock"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_readable_sizes():
    assert [readable(size) for size in (0, 999, 1_500, 74_315_238)] == ["0 bytes", "999 bytes", "1.5 kB", "74.3 MB"]
