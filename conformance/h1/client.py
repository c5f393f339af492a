"""Tests a server with h11, which rejects answers that violate HTTP/1.1. Prints one line of JSON per test.

Usage: client.py HOST PORT
"""

import hashlib
import json
import socket
import sys

import h11

LIMIT_S = 20
READ_BYTES = 65536
HOST, PORT = sys.argv[1], int(sys.argv[2])


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((HOST, PORT), timeout=LIMIT_S)
        self.h11 = h11.Connection(our_role=h11.CLIENT)

    def send(self, *events):
        for event in events:
            data = self.h11.send(event)
            if data:
                self.socket.sendall(data)

    def next_event(self):
        while True:
            event = self.h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.h11.receive_data(self.socket.recv(READ_BYTES))

    def answer(self):
        """Describes everything received up to the end of an answer."""
        said = []
        body = hashlib.sha256()
        size = 0
        while True:
            event = self.next_event()
            if isinstance(event, h11.Data):
                body.update(event.data)
                size += len(event.data)
            elif isinstance(event, (h11.InformationalResponse, h11.Response)):
                said.append(f"{event.status_code} {event.reason.decode()} {headers_of(event)}")
            elif isinstance(event, h11.EndOfMessage):
                said.append(f"{size} bytes {body.hexdigest()[:16]}, trailers {headers_of(event)}")
                return said
            else:
                said.append(type(event).__name__)
                return said

    def states(self):
        return f"{self.h11.our_state} {self.h11.their_state}"


def headers_of(event):
    return [(name.decode(), "…" if name == b"date" else value.decode()) for name, value in event.headers]


def request(method, target, *headers, version=b"1.1"):
    return h11.Request(method=method, target=target, headers=[("Host", "localhost"), *headers], http_version=version)


def ask(method, target, *headers, body=None, connection=None):
    """Sends one request, and waits for the end of its answer."""
    connection = connection or Connection()
    connection.send(request(method, target, *headers))
    if body is not None:
        connection.send(*(h11.Data(data=part) for part in body))
    connection.send(h11.EndOfMessage())
    return [*connection.answer(), connection.states()]


def ask_again(*questions):
    """Sends several requests over one connection."""
    connection = Connection()
    said = []
    for question in questions:
        said.extend(ask(*question, connection=connection))
        connection.h11.start_next_cycle()
    return said


def ask_to_continue(size):
    """Sends a body after the first response of the server, usually 100 Continue."""
    connection = Connection()
    connection.send(request("POST", "/echo", ("Content-Length", str(size)), ("Expect", "100-continue")))
    event = connection.next_event()
    said = [f"{event.status_code}"]
    connection.send(h11.Data(data=b"x" * size), h11.EndOfMessage())
    return [*said, *connection.answer(), connection.states()]


def close_after(method, target, *headers):
    """Sends a request after which the server must close."""
    connection = Connection()
    connection.send(request(method, target, ("Connection", "close"), *headers), h11.EndOfMessage())
    said = connection.answer()
    return [*said, type(connection.next_event()).__name__, connection.states()]


CHUNKED = ("Transfer-Encoding", "chunked")
PATHS = ["/page", "/large", "/chunked", "/early", "/empty", "/unchanged", "/moved", "/missing", "/error", "/echo"]
TESTS = {
    **{f"GET {path}": lambda path=path: ask("GET", path) for path in PATHS},
    **{f"HEAD {path}": lambda path=path: ask("HEAD", path) for path in PATHS},
    **{f"GET {path}, close": lambda path=path: close_after("GET", path) for path in PATHS},
    "OPTIONS /echo": lambda: ask("OPTIONS", "/echo"),
    "DELETE /echo": lambda: ask("DELETE", "/echo"),
    "GET /page, a part": lambda: ask("GET", "/page", ("Range", "bytes=10-19")),
    "GET /page, a part that is not there": lambda: ask("GET", "/page", ("Range", "bytes=99999-100000")),
    "GET /page, gzip": lambda: ask("GET", "/page", ("Accept-Encoding", "gzip")),
    "GET /page, not changed": lambda: ask("GET", "/page", ("If-Modified-Since", "Mon, 02 Jan 2023 03:04:05 GMT")),
    "POST, no body": lambda: ask("POST", "/echo", ("Content-Length", "0")),
    "POST, 11 bytes": lambda: ask("POST", "/echo", ("Content-Length", "11"), body=[b"hello ", b"world"]),
    "POST, 1 MiB": lambda: ask("POST", "/echo", ("Content-Length", str(2**20)), body=[b"x" * 2**20]),
    "POST, chunks": lambda: ask("POST", "/echo", CHUNKED, body=[b"hello ", b"world"]),
    "POST, no chunks": lambda: ask("POST", "/echo", CHUNKED, body=[]),
    "POST, 100-continue": lambda: ask_to_continue(11),
    "PUT, 100-continue, 100 KB": lambda: ask_to_continue(100_000),
    "five over one connection": lambda: ask_again(
        ("GET", "/page"), ("HEAD", "/large"), ("GET", "/empty"), ("GET", "/chunked"), ("GET", "/unchanged")
    ),
}

for name, act in TESTS.items():
    try:
        said = act()
        verdict = said[-1]
    except (h11.ProtocolError, OSError, AttributeError) as error:
        said = [repr(error)]
        verdict = type(error).__name__
    print(json.dumps({"test": name, "verdict": verdict, "detail": "\n".join(said)}))
