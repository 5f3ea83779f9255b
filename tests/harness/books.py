"""The client's own books: what it asked, what it was answered. Compared with Kafka and the audit.

`ask` goes through a bare HTTP connection, so that nothing (no retry, no decoding) stands between
the gateway and the books. Threads may share one Books."""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .paths import PATIENCE

CHAT = "/v1/chat/completions"


@dataclass
class Entry:
    marker: str  # the caller's own name for it
    stream: bool
    id: str = ""  # x-request-id
    status: int = 0  # 0: no status line came
    cls: str = ""  # x-sluice-class
    headers: dict = field(default_factory=dict)
    text: str = ""
    pieces: int = 0
    finish: str | None = None
    usage: dict | None = None
    error: dict | None = None  # the OpenAI error object, of the body or of an error event
    done: bool = False  # data: [DONE] came
    broken: str = ""  # the connection ended without an end of the answer
    began: float = 0.0
    first_s: float | None = None
    ended: float = 0.0

    @property
    def complete(self) -> bool:
        """One whole result: exactly one finish reason, and [DONE] where it streams."""
        if self.status != 200 or self.error or self.broken:
            return False
        return self.finish is not None and (self.done or not self.stream)

    @property
    def definite_error(self) -> bool:
        return self.error is not None

    @property
    def outcome(self) -> str:
        """complete, error or silent (an answer that was cut without a word: never allowed)."""
        return "complete" if self.complete else "error" if self.definite_error else "silent"


class Books:
    def __init__(self, port: int, key: str, model: str = "auto"):
        self.port = port
        self.key = key
        self.model = model
        self.entries: list[Entry] = []
        self._lock = threading.Lock()

    # ---- asking ----

    def ask(self, text: str, marker: str = "", stream: bool = True, seconds: float = 60,
            headers: dict | None = None, on_piece=None, **body) -> Entry:  # fmt: skip
        """One chat request from start to end. `on_piece(entry)` is called at each piece of text."""
        entry = Entry(marker or text, stream, began=time.monotonic())
        with self._lock:
            self.entries.append(entry)
        request = {"model": self.model, "messages": [{"role": "user", "content": text}],
                   "stream": stream, "max_tokens": 16} | body  # fmt: skip
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=seconds * PATIENCE
        )
        try:
            self._exchange(connection, request, headers or {}, entry, on_piece)
        except (OSError, http.client.HTTPException) as problem:
            entry.broken = f"{type(problem).__name__}: {problem}"
        finally:
            entry.ended = time.monotonic()
            connection.close()
        return entry

    def _exchange(self, connection, request, headers, entry, on_piece) -> None:
        connection.request("POST", CHAT, json.dumps(request).encode(), {
            "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        entry.status = answer.status
        entry.headers = {name.lower(): value for name, value in answer.getheaders()}
        entry.id = entry.headers.get("x-request-id", "")
        entry.cls = entry.headers.get("x-sluice-class", "")
        if entry.headers.get("content-type", "").startswith("text/event-stream"):
            self._events(answer, entry, on_piece)
            return
        body = json.loads(answer.read())
        if "error" in body:
            entry.error = body["error"]
            return
        entry.text = body["choices"][0]["message"]["content"] or ""
        entry.finish = body["choices"][0]["finish_reason"]
        entry.usage = body.get("usage")

    @staticmethod
    def _events(answer, entry: Entry, on_piece) -> None:
        while line := answer.readline():
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                entry.done = True
                continue
            event = json.loads(data)
            if "error" in event:
                entry.error = event["error"]
                continue
            entry.usage = event.get("usage") or entry.usage
            for choice in event["choices"]:
                assert entry.finish is None, "a piece after the finish"
                entry.finish = choice.get("finish_reason")
                piece = choice["delta"].get("content")
                if piece:
                    entry.text += piece
                    entry.pieces += 1
                    entry.first_s = entry.first_s or time.monotonic() - entry.began
                    if on_piece:
                        on_piece(entry)
        if not entry.done and not entry.error:
            entry.broken = "the stream ended without [DONE] and without an error"

    def ask_many(self, texts: list[str], at_once: int, **body) -> list[Entry]:
        """All of them, `at_once` in flight; streamed and not by turns unless `stream` says."""
        pool = ThreadPoolExecutor(at_once)
        jobs = []
        for i, text in enumerate(texts):
            jobs.append(pool.submit(self.ask, text, **({"stream": i % 2 == 0} | body)))
        with pool:
            return [job.result() for job in jobs]

    # ---- looking ----

    @property
    def accepted(self) -> list[Entry]:
        """What was answered 200: Kafka had acknowledged it."""
        return [e for e in self.entries if e.status == 200]

    @property
    def complete(self) -> list[Entry]:
        return [e for e in self.entries if e.complete]

    @property
    def errors(self) -> list[Entry]:
        return [e for e in self.entries if e.definite_error]

    @property
    def silent(self) -> list[Entry]:
        return [e for e in self.entries if e.outcome == "silent"]

    def check_against(self, records) -> None:
        """Each complete answer has its request on its class's topic, and one complete run whose
        text is the client's; each id was answered once."""
        ids = [e.id for e in self.entries if e.id]
        assert len(ids) == len(set(ids)), "an id was given twice"
        requests, runs = records.requests(), records.runs()
        for entry in self.complete:
            (request,) = requests.get(entry.id, [None])
            assert request, f"{entry.id} was answered beside Kafka"
            assert request.topic == f"llm.{entry.cls}.requests.v1", request
            done = records.complete_runs(entry.id)
            assert done, f"{entry.id} has no complete run"
            texts = {records.text_of(entry.id, run) for run in runs[entry.id]
                     if run in {d.run for d in done}}  # fmt: skip
            assert entry.text in texts, f"{entry.id}: the client has another text than Kafka"
