"""The fast HTTP parser, with the limit that it lacks: it would collect headers that never end."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024  # bytes of one request that are no body: its line, headers, chunk sizes, trailers


class BoundedHttp(HttpToolsProtocol):
    """One browser's connection; a request whose head is too large is answered 400 and the connection is closed."""

    _head = 0

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The headers of this request are too long.")

    def on_body(self, body: bytes) -> None:
        self._head -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        super().on_message_complete()
