"""The server's parser of requests: a head that never ends is given up; what is long but is a body passes."""

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from app.web.bounded_http import LARGEST_HEAD, BoundedHttp

PIECE = 8 * 1024


async def counts(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes of the body."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture(scope="module")
def door() -> Iterator[int]:
    """The port of a server behind this parser."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(counts, http=BoundedHttp, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def sent(door: int, *pieces: bytes) -> bytes:
    """Everything that the server answers to these pieces, sent one after the other until it closes."""
    heard = b""
    with socket.create_connection(("127.0.0.1", door), timeout=10) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
            while said := wire.recv(1 << 16):
                heard += said
        except ConnectionError:  # closed while we still sent
            pass
    return heard


def gives_up(door: int, begin: bytes) -> bool:
    """Tell whether the server closes on a head that goes on and on, before all of it is sent."""
    with socket.create_connection(("127.0.0.1", door), timeout=10) as wire:
        wire.sendall(begin)
        for number in range(64):
            try:
                wire.sendall(b"x-%d: " % number + b"a" * PIECE + b"\r\n")
                wire.settimeout(0.02)
                if number * PIECE > LARGEST_HEAD and wire.recv(1 << 16):
                    return True
            except TimeoutError:
                continue
            except ConnectionError:
                return True
    return False


def test_headers_that_never_end_are_given_up(door: int) -> None:
    assert gives_up(door, b"GET / HTTP/1.1\r\nHost: x\r\n")


def test_an_address_that_never_ends_is_given_up(door: int) -> None:
    heard = sent(door, b"GET /", *[b"a" * PIECE] * 12)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 400")


def test_trailers_that_never_end_are_given_up(door: int) -> None:
    begin = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
    assert gives_up(door, begin)


def test_a_long_body_is_no_long_head(door: int) -> None:
    length = LARGEST_HEAD * 5
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % length
    heard = sent(door, head, *[b"b" * PIECE] * (length // PIECE))
    assert heard.startswith(b"HTTP/1.1 200") and heard.endswith(b"%d" % length)


def test_many_requests_on_one_connection_each_have_their_own_head(door: int) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\nx-long: " + b"a" * (LARGEST_HEAD // 2) + b"\r\n"
    heard = b""
    with socket.create_connection(("127.0.0.1", door), timeout=10) as wire:
        for _ in range(4):
            wire.sendall(one + b"\r\n")
            while not heard.endswith(b"\r\n\r\n0"):
                heard += wire.recv(1 << 16)
            assert heard.startswith(b"HTTP/1.1 200")
            heard = b""
