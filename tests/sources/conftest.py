"""A server on this machine that can be told to fail."""

import http.server
import re
import threading
from collections import deque
from dataclasses import dataclass, field

import pytest

from bumphunt.sources import download


@dataclass
class Request:
    """What was asked for, and what was sent."""

    path: str
    range: str | None
    status: int = 0
    sent: int = 0


@dataclass
class Server:
    """``faults`` are used up one a request: a status, ``("break", n)``, or a dict of headers to send instead."""

    url: str = ""
    files: dict = field(default_factory=dict)
    faults: deque = field(default_factory=deque)
    ranges: bool = True
    requests: list = field(default_factory=list)

    def asked(self, path):
        return [request for request in self.requests if request.path == path]


def handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            request = Request(self.path, self.headers.get("Range"))
            server.requests.append(request)
            fault = server.faults.popleft() if server.faults else None
            content = server.files.get(self.path)
            if isinstance(fault, int) or content is None:
                request.status = fault or 404
                self.send_response(request.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, headers = 0, {"Content-Length": len(content)}
            request.status = 200
            if request.range and server.ranges:
                start = int(re.fullmatch(r"bytes=(\d+)-", request.range).group(1))
                if start >= len(content):
                    request.status, headers, start = 416, {"Content-Range": f"bytes */{len(content)}"}, len(content)
                else:
                    request.status = 206
                    headers = {
                        "Content-Length": len(content) - start,
                        "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}",
                    }
            self.send_response(request.status)
            for name, value in (headers | (fault if isinstance(fault, dict) else {})).items():
                if value is not None:
                    self.send_header(name, str(value))
            self.end_headers()
            body = content[start:]
            if isinstance(fault, tuple):
                body = body[: fault[1]]
            request.sent = len(body)  # before the client can be done and look
            self.wfile.write(body)

    return Handler


@pytest.fixture
def server(monkeypatch):
    """A server with no files, and clients that neither wait nor read in large blocks."""
    monkeypatch.setattr(download, "WAIT", 0.0)
    monkeypatch.setattr(download, "_BLOCK", 1000)
    served = Server()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(served)) as httpd:
        served.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield served
        httpd.shutdown()
        thread.join()
