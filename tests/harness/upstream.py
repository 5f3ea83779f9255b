"""A fake OpenAI upstream: answers with what the test scripted, keeps what it was asked.

Without a script it echoes the last message word by word. `script(body)` returns a list of steps,
each one (what, value): ("status", (code, headers, body)), ("event", dict), ("wait", Event),
("cut", None), or ("whole", dict) for an answer that does not stream."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .paths import PATIENCE
from .wait import until


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: "FakeUpstream"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.took(body, dict(self.headers))
        try:
            for what, value in self.fake.script(body):
                getattr(self, f"do_{what}")(value)
            self.finish_stream()
        except OSError:
            self.fake.lost(body)
            self.close_connection = True

    streaming = False

    def do_status(self, value):
        code, headers, body = value
        data = json.dumps(body).encode()
        self.send_response(code)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_whole(self, value):
        self.do_status((200, {}, value))

    def do_event(self, value):
        if not self.streaming:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.streaming = True
        data = value if isinstance(value, str) else json.dumps(value)
        self.piece(f"data: {data}\n\n".encode())

    def do_wait(self, event):
        """Until the test lets it go, or the client has gone."""
        self.connection.settimeout(0.05)
        try:
            for _ in range(int(1200 * PATIENCE)):
                if event.wait(0.02):
                    return
                try:
                    if self.connection.recv(1) == b"":
                        raise ConnectionAbortedError("the client left")
                except TimeoutError:
                    pass
        finally:
            self.connection.settimeout(None)

    def do_cut(self, _):
        self.streaming = False
        self.close_connection = True

    def piece(self, data: bytes):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def finish_stream(self):
        if self.streaming:
            self.wfile.write(b"0\r\n\r\n")
        self.streaming = False


def delta_event(delta: dict, finish: str | None = None, model: str = "fake") -> dict:
    return {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}  # fmt: skip


def usage_event(prompt: int, completion: int) -> dict:
    return {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": "fake",
            "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion,
                                     "total_tokens": prompt + completion}}  # fmt: skip


def say(*pieces: str, finish: str = "stop") -> list:
    steps = [("event", delta_event({"role": "assistant", "content": ""}))]
    steps += [("event", delta_event({"content": piece})) for piece in pieces]
    steps += [("event", delta_event({}, finish)), ("event", usage_event(3, len(pieces)))]
    return [*steps, ("event", "[DONE]")]


def echo(body: dict) -> list:
    content = body["messages"][-1]["content"]
    return say(*(f"{word} " for word in str(content).split()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class FakeUpstream:
    def __init__(self, script=echo):
        self.script = script
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.left: list[dict] = []  # bodies of requests whose client left in the middle
        handler = type("Handler", (_Handler,), {"fake": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True
        )
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def took(self, body: dict, headers: dict) -> None:
        self.bodies.append(body)
        self.headers.append(headers)

    def lost(self, body: dict) -> None:
        self.left.append(body)

    def wait_asked(self, n: int = 1, seconds: float = 20) -> dict:
        until(lambda: len(self.bodies) >= n, f"the upstream was asked {n} times", seconds)
        return self.bodies[n - 1]

    def wait_left(self, n: int = 1, seconds: float = 20) -> None:
        until(lambda: len(self.left) >= n, "the upstream's client left", seconds)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
