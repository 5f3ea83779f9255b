"""HTTP over a bare socket: for requests that no client library would send."""

import json
import socket
from dataclasses import dataclass, field

from .paths import PATIENCE


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes
    closed: bool = False  # the server closed the connection behind it
    extra: list = field(default_factory=list)

    def json(self):
        return json.loads(self.body)

    @property
    def error(self) -> dict:
        """The OpenAI error object; an assertion when the body is none."""
        assert self.headers.get("content-type", "").startswith("application/json"), self
        error = self.json()["error"]
        assert set(error) >= {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str) and error["message"], error
        assert isinstance(error["type"], str) and error["type"], error
        return error

    def events(self) -> list[str]:
        """The data of each server-sent event."""
        return [
            line.removeprefix("data: ")
            for line in self.body.decode().split("\n")
            if line.startswith("data: ")
        ]


class Raw:
    """One connection. Everything has a time limit."""

    def __init__(self, port: int, seconds: float = 20):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=seconds * PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def abort(self) -> None:
        """Closes with RST, as a process that dies does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        """Header names are given with _ for -."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def _fill(self) -> bool:
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            if not self._fill():
                raise ConnectionError(f"closed within a line: {self.buffer!r}")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self._fill():
                raise ConnectionError(f"closed {size - len(self.buffer)} bytes too early")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self) -> tuple[int, dict[str, str]]:
        status = int(self._line().split()[1])
        headers = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return status, headers

    def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end."""
        size = int(self._line().split(b";")[0], 16)
        data = self._take(size)
        self._take(2)
        return data

    def answer(self, head_only: bool = False) -> RawAnswer:
        status, headers = self.head()
        while status == 100:
            status, headers = self.head()
        if head_only or status in (204, 304):
            return RawAnswer(status, headers, b"")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while data := self.chunk():
                body += data
        elif "content-length" in headers:
            body = self._take(int(headers["content-length"]))
        else:
            while self._fill():
                pass
            body, self.buffer = self.buffer, b""
        return RawAnswer(status, headers, body)

    def at_end(self) -> bool:
        """True when the server closed the connection, with or without RST."""
        try:
            return not self.buffer and not self._fill()
        except ConnectionResetError:
            return True


def ask(port: int, method: str, path: str, body: bytes | None = None, seconds: float = 20,
        **headers: str) -> RawAnswer:  # fmt: skip
    with Raw(port, seconds) as raw:
        raw.request(method, path, body, **headers)
        return raw.answer(head_only=method == "HEAD")
