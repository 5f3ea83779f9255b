"""Standing between gateway and workers: a class's workers are away, their presence goes on, and
the test reads genuine records and produces what it likes in their place."""

import base64
import json
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import TopicPartition
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from harness import Entry, Record, Sluice, until
from sluice_reader import canonical_headers, checksum, run_digest

CHUNK = "io.sluice.chunk.v1"
Headers = list[tuple[str, str]]


def texts(headers) -> Headers:
    return [(name.decode(), value.decode()) for name, value in headers]


def replace(headers: Headers, name: str, value: str) -> Headers:
    assert any(n == name for n, _ in headers), name
    return [(n, value if n == name else v) for n, v in headers]


def without(headers: Headers, *names: str) -> Headers:
    return [(n, v) for n, v in headers if n not in names]


def finish(headers: Headers, body: bytes) -> Headers:
    headers = without(headers, "ce_checksum")
    return [*headers, ("ce_checksum", checksum(headers, body))]


def flip(body: bytes, at: int = 5) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def public_key(system: Sluice) -> tuple[str, bytes]:
    rows = json.loads(system.keyring_path.read_text())
    (row,) = (row for row in rows if row["class"] == "public")
    return row["kid"], base64.b64decode(row["key"])


def seal(
    headers: Headers, body: bytes, kid: str, key: bytes, cls: str = "public"
) -> tuple[Headers, bytes]:
    """Encrypted for the class and finished; the salt is its own (a chunk's is its run)."""
    headers = without(headers, "ce_checksum", "ce_kid", "ce_salt", "content-type")
    headers += [("content-type", "application/octet-stream"), ("ce_kid", kid)]
    have = dict(headers)
    salt = have.get("ce_run") or secrets.token_hex(16)
    if have["ce_type"] != CHUNK:
        headers.append(("ce_salt", salt))
    info = f"sluice/1 {have['ce_type']} {cls}".encode()
    derived = HKDF(SHA256(), 32, bytes.fromhex(salt), info).derive(key)
    nonce = int(have.get("ce_seq", "0")).to_bytes(12, "big")
    body = AESGCM(derived).encrypt(nonce, body, canonical_headers(headers))
    return finish(headers, body), body


def plain_run(request: Record, pieces: list[str]) -> list[tuple[Headers, bytes]]:
    """The records of a whole run that answers `request`, not encrypted."""
    run, out = secrets.token_hex(16), []
    bodies = [{"choices": [{"index": 0, "delta": {"content": p}, "finish_reason": None}]}
              for p in pieces]  # fmt: skip
    bodies.append({"usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}})
    for seq, body in enumerate(bodies):
        headers = [
            ("content-type", "application/json"), ("ce_specversion", "1.0"),
            ("ce_id", f"{request.subject}/{run}/{seq}"), ("ce_type", CHUNK),
            ("ce_source", "/sluice/test/0"), ("ce_subject", request.subject),
            ("ce_time", "2026-11-24T12:00:00.123456Z"), ("ce_run", run), ("ce_seq", str(seq)),
            ("ce_requestchecksum", request.header("ce_checksum")),
        ]  # fmt: skip
        out.append((headers, json.dumps(body).encode()))
    return out


def finish_run(
    records: list[tuple[Headers, bytes]], system: Sluice | None, key: tuple | None = None
) -> list:
    """Checksums, the end record with count and digest; encrypted when `system` lends its key, or
    under `key`: (kid, bytes) or (kid, bytes, class)."""
    key = key or (public_key(system) if system else None)

    def done(headers, body):
        return seal(headers, body, *key) if key else (finish(headers, body), body)

    out = [done(*record) for record in records[:-1]]
    headers, body = records[-1]
    sums = [dict(headers)["ce_checksum"] for headers, _ in out]
    headers = headers + [("ce_fin", "1"), ("ce_count", str(len(sums))), ("ce_end", "stop"),
                         ("ce_digest", run_digest(sums)), ("ce_env", "test")]  # fmt: skip
    return [*out, done(headers, body)]


class Absent:
    """The workers of a class are stopped, but seen alive."""

    def __init__(self, system: Sluice, cls: str):
        self.system, self.cls = system, cls
        self.workers = system.privates if cls == "private" else system.publics
        self.books = system.books()
        self.pool = ThreadPoolExecutor(32)
        self.producer = system.broker.producer()
        self.over = threading.Event()

    def topic(self, name: str) -> str:
        return f"llm.{self.cls}.{name}.v1"

    def __enter__(self) -> "Absent":
        records = self.system.records([self.topic("presence")])
        self.alive = records.of(type="presence")[-1]
        assert not self.alive.error, self.alive
        for worker in self.workers:
            worker.stop()
        self.beat = threading.Thread(target=self._beat, daemon=True)
        self.beat.start()
        return self

    def _beat(self) -> None:
        while not self.over.is_set():
            self.put(self.alive.topic, None, texts(self.alive.raw_headers), self.alive.value,
                     self.alive.key)  # fmt: skip
            self.over.wait(0.5)

    def back(self) -> None:
        """The workers come back."""
        self.over.set()
        self.beat.join()
        for worker in self.workers:
            worker.start(wait=False)
        for worker in self.workers:
            worker.wait_ready()

    def __exit__(self, *_) -> None:
        self.back()
        self.pool.shutdown()

    def ask(self, marker: str, **options) -> Future[Entry]:
        word = "Project Falcon" if self.cls == "private" else "a garden"
        asked = lambda: self.books.ask(f"About {word} {marker}", marker, **options)  # noqa: E731

        def knocking() -> Entry:  # until the presence is heard
            return until(lambda: (e := asked()).status and not self._refused(e) and e, marker)

        return self.pool.submit(knocking)

    @staticmethod
    def _refused(entry: Entry) -> bool:
        return bool(entry.error and entry.error["code"] == "no_worker"
                    and entry.ended - entry.began < 1)  # fmt: skip

    def requests(self, markers: list[str]) -> dict[str, Record]:
        """The genuine request record of each marker."""

        def look():
            found = {r.body["messages"][-1]["content"].rsplit(" ", 1)[-1]: r for r in
                     self.system.records([self.topic("requests")]).of(type="request")}  # fmt: skip
            return all(m in found for m in markers) and found

        found = until(look, "every request stands in Kafka", 20, every=0.1)
        return {marker: found[marker] for marker in markers}

    def skip(self) -> None:
        """The workers will not read what stands in the requests topic now."""
        topic, group = self.topic("requests"), f"{self.cls}-workers"
        consumer = self.system.broker.consumer(group)
        try:
            parts = [TopicPartition(topic, p) for p in
                     consumer.list_topics(topic, timeout=20).topics[topic].partitions]  # fmt: skip
            for part in parts:
                part.offset = consumer.get_watermark_offsets(part, 20)[1]
            for part in consumer.commit(offsets=parts, asynchronous=False):
                assert part.error is None, part
        finally:
            consumer.close()

    def put(self, topic: str, partition: int | None, headers, body: bytes | None,
            key: bytes | None) -> None:  # fmt: skip
        where = {} if partition is None else {"partition": partition}
        self.producer.produce(topic, body, key, headers=list(headers), **where)
        assert self.producer.flush(20) == 0

    def reply(self, request: Record, headers: Headers, body: bytes, topic: str = "") -> None:
        self.put(topic or self.topic("responses"), int(request.header("ce_replypartition")),
                 headers, body, request.key)  # fmt: skip
