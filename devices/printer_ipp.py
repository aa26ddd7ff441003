"""One question to a print scheduler: what has become of a job. The rest of IPP is not needed here.

`lpstat` cannot tell a finished job from an aborted one, so the state is asked over the protocol itself.
Sources: RFC 8010 (encoding), RFC 8011 section 4.3.4 (Get-Job-Attributes) and 5.3.7 (job-state).
"""

import http.client
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_GET_JOB_ATTRIBUTES = 0x0009
_INTEGER, _KEYWORD, _URI, _CHARSET, _LANGUAGE = 0x21, 0x44, 0x45, 0x47, 0x48
_STATES = {
    3: "pending",
    4: "held",
    5: "processing",
    6: "stopped",
    7: "canceled",
    8: "aborted",
    9: "completed",
}


@dataclass(frozen=True)
class JobState:
    """`state` is a word of RFC 8011: pending held processing stopped canceled aborted completed; `why` the reasons."""

    state: str
    why: str


def job_state(server: str, queue: str, number: int, timeout: float) -> JobState:
    """The state of job `number` of `queue` at `server` (a socket's path or host:port, as CUPS_SERVER has it).

    Raises OSError when the scheduler does not answer, ValueError when it answers something else or knows no such job.
    """
    body = _request(queue, number)
    connection = _connection(server, timeout)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/ipp", "Host": "localhost"})
        response = connection.getresponse()
        answer = response.read()
    except http.client.HTTPException as wrong:
        raise OSError(f"The print scheduler broke off: {wrong!r}.") from None
    finally:
        connection.close()
    if response.status != 200 or len(answer) < 8:
        raise ValueError(f"The print scheduler answered {response.status} to a question about job {number}.")
    (status,) = struct.unpack(">H", answer[2:4])
    if status >= 0x0100:
        raise ValueError(f"The print scheduler does not know job {number} (IPP status {status:04X}).")
    found: dict[str, list[bytes]] = {}
    for name, value in _attributes(answer):
        found.setdefault(name, []).append(value)
    states = found.get("job-state", [])
    if not states or len(states[0]) != 4:
        raise ValueError(f"The print scheduler gave no state for job {number}.")
    reasons = [value.decode("utf-8", "replace") for value in found.get("job-state-reasons", [])]
    message = [value.decode("utf-8", "replace") for value in found.get("job-printer-state-message", [])]
    said = [word for word in (*message, *reasons) if word and word != "none"]
    return JobState(_STATES.get(int.from_bytes(states[0], "big"), "unknown"), ", ".join(said))


def _request(queue: str, number: int) -> bytes:
    fields = b"".join(
        (
            _attribute(_CHARSET, "attributes-charset", b"utf-8"),
            _attribute(_LANGUAGE, "attributes-natural-language", b"en"),
            _attribute(_URI, "printer-uri", f"ipp://localhost/printers/{queue}".encode()),
            _attribute(_INTEGER, "job-id", struct.pack(">i", number)),
            _attribute(_KEYWORD, "requested-attributes", b"job-state"),
            _attribute(_KEYWORD, "", b"job-state-reasons"),
            _attribute(_KEYWORD, "", b"job-printer-state-message"),
        )
    )
    return struct.pack(">BBHI", 2, 0, _GET_JOB_ATTRIBUTES, 1) + b"\x01" + fields + b"\x03"


def _attribute(tag: int, name: str, value: bytes) -> bytes:
    return struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(value)) + value


def _attributes(answer: bytes) -> Iterator[tuple[str, bytes]]:
    at, name = 8, ""
    while at < len(answer):
        if answer[at] < 0x10:  # A group begins; its tag carries no attribute.
            at += 1
            continue
        named = int.from_bytes(answer[at + 1 : at + 3], "big")
        if named:
            name = answer[at + 3 : at + 3 + named].decode("utf-8", "replace")
        at += 3 + named
        length = int.from_bytes(answer[at : at + 2], "big")
        yield name, answer[at + 2 : at + 2 + length]
        at += 2 + length


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(server: str, timeout: float) -> http.client.HTTPConnection:
    if server.startswith("/"):
        return _SocketConnection(server, timeout)
    host, _, port = server.partition("/")[0].rpartition(":")
    if not host or not port.isdigit():
        host, port = server.partition("/")[0], "631"
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=timeout)
