"""Every record of every topic, read with confluent-kafka, judged by sluice_reader alone.

`records()` of a Sluice reads from the given offsets (or from the beginning) up to the ends that
stand at the moment of the call, so it always ends. Each Record says whether its checksum is right
(`error` is None), and its plain body when the keyring has the key."""

import json
from collections import defaultdict
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition

from sluice_reader import Envelope, EnvelopeError, Keyring, Run, check_run, decode, headers_list
from sluice_reader import verify_dead_letter

from .paths import PATIENCE
from .wait import until

READ_S = 60


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    raw_headers: tuple
    value: bytes | None
    envelope: Envelope | None  # None on a damaged record
    error: str | None  # what sluice_reader finds wrong; "unknown_key: …" without the key

    @property
    def type(self) -> str:
        return self.envelope.type if self.envelope else ""

    @property
    def subject(self) -> str:
        return self.envelope.subject if self.envelope else ""

    @property
    def body(self):
        """The plain body as JSON."""
        assert self.envelope and self.envelope.body is not None, self
        return json.loads(self.envelope.body)

    def header(self, name: str) -> str | None:
        for have, value in self.raw_headers:
            if have == name.encode():
                return None if value is None else value.decode()
        return None

    def plain_bytes(self) -> bytes:
        """Key, every header's name and value, and the value as it lies on the broker."""
        parts = [self.key or b"", self.value or b""]
        for name, value in self.raw_headers:
            parts += [name, value or b""]
        return b"\0".join(parts)

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset} {self.type} {self.subject}"


def class_of(topic: str) -> str:
    return "public" if topic.startswith("llm.public.") else "private"


def judge(message, keyring: Keyring | None) -> Record:
    topic, headers = message.topic(), tuple(headers_list(message.headers()))
    envelope, error = None, None
    try:
        if topic.endswith(".dead-letter.v1"):
            verify_dead_letter(headers, message.key(), message.value())
        elif not topic.startswith("llm.ingress."):  # those are the producers' own
            envelope = decode(headers, message.value(), class_of(topic), keyring, message.key())
    except EnvelopeError as problem:
        error = str(problem)
    return Record(topic, message.partition(), message.offset(), message.timestamp()[1],
                  message.key(), headers, message.value(), envelope, error)  # fmt: skip


class Records(list):
    """A list of Record with the questions that tests ask of it."""

    def of(self, topic: str | None = None, type: str | None = None, subject: str | None = None,
           event: str | None = None) -> "Records":  # fmt: skip
        """`type` without io.sluice. and .v1; `event` of audit records."""
        return Records(
            r for r in self
            if (topic is None or r.topic == topic)
            and (type is None or r.type == f"io.sluice.{type}.v1")
            and (subject is None or r.subject == subject)
            and (event is None or (r.type == "io.sluice.audit.v1" and r.body["event"] == event))
        )  # fmt: skip

    def damaged(self) -> "Records":
        return Records(r for r in self if r.error)

    def public(self) -> "Records":
        return Records(r for r in self if r.topic.startswith("llm.public."))

    def _once(self, name: str, make):
        """Made once a length: the list is not changed after it was read."""
        cache = self.__dict__.setdefault("_cache", {})
        if cache.get(name, (None,))[0] != len(self):
            cache[name] = (len(self), make())
        return cache[name][1]

    def requests(self) -> dict[str, list[Record]]:
        """Request records by id, dead letters apart."""
        return self._once("requests", self._requests)

    def _requests(self) -> dict[str, list[Record]]:
        found = defaultdict(list)
        for record in self.of(type="request"):
            found[record.subject].append(record)
        return dict(found)

    def runs(self) -> dict[str, dict[str, list[Record]]]:
        """id -> run -> its records, in the order of the topic."""
        return self._once("runs", self._runs)

    def _runs(self) -> dict[str, dict[str, list[Record]]]:
        found: dict = defaultdict(lambda: defaultdict(list))
        for record in self.of(type="chunk"):
            found[record.subject][record.envelope.headers["run"]].append(record)
        return {subject: dict(runs) for subject, runs in found.items()}

    def complete_runs(self, subject: str) -> list[Run]:
        """Runs with an end record; a RunError when one of those is not whole."""
        runs = self.runs().get(subject, {})
        return [
            check_run([r.envelope for r in records])
            for records in runs.values()
            if any("fin" in r.envelope.headers for r in records)
        ]

    def text_of(self, subject: str, run: str) -> str:
        """The content of one run, joined."""
        records = sorted(self.runs()[subject][run], key=lambda r: int(r.envelope.headers["seq"]))
        text = ""
        for record in records:
            for choice in record.body.get("choices", []):
                text += choice.get("delta", {}).get("content") or ""
        return text

    def digest_of(self, subject: str) -> set[tuple[int, str]]:
        """(count, ce_digest) of each complete run."""
        ends = (r.envelope.headers for r in self.of(type="chunk", subject=subject))
        return {(int(h["count"]), h["digest"]) for h in ends if "fin" in h}


class TopicReader:
    """Reads whole topics of one broker."""

    def __init__(self, broker, keyring_path):
        self.broker = broker
        self.keyring_path = keyring_path

    def topics(self) -> list[str]:
        names = self.broker.admin().list_topics(timeout=20).topics
        return sorted(name for name in names if name.startswith("llm."))

    def _partitions(self, consumer: Consumer, topics: list[str], start: dict) -> dict:
        """(topic, partition) -> (from, to), empty ones left out."""
        meta = consumer.list_topics(timeout=20).topics
        wanted = {}
        for topic in topics:
            for partition in meta[topic].partitions if topic in meta else ():
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 20)
                first = max(low, start.get((topic, partition), 0))
                if first < high:
                    wanted[topic, partition] = (first, high)
        return wanted

    def ends(self) -> dict[tuple[str, int], int]:
        """Where every partition ends now: `start` of a later read."""
        consumer = self.broker.consumer("ends")
        try:
            rows = self._partitions(consumer, self.topics(), {})
            return {where: high for where, (_, high) in rows.items()}
        finally:
            consumer.close()

    def read(self, start: dict | None = None, topics: list[str] | None = None) -> Records:
        keyring = Keyring.load(self.keyring_path)
        consumer = self.broker.consumer("records")
        records = Records()
        try:
            left = self._partitions(consumer, topics or self.topics(), start or {})
            consumer.assign([TopicPartition(t, p, first) for (t, p), (first, _) in left.items()])
            tos = {where: to for where, (_, to) in left.items()}

            def batch() -> bool:
                for message in consumer.consume(2000, 0.1) if tos else ():
                    self._take(message, tos, records, keyring)
                return not tos

            until(batch, "all records up to the ends are read", READ_S * PATIENCE, every=0)
        finally:
            consumer.close()
        return Records(sorted(records, key=lambda r: (r.topic, r.partition, r.offset)))

    @staticmethod
    def _take(message, tos: dict, records: Records, keyring: Keyring) -> None:
        where = (message.topic(), message.partition())
        error = message.error()
        if error is not None:
            # An auditor reads without a group; librdkafka looks for a coordinator all the same.
            if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                return
            assert error.code() == KafkaError._PARTITION_EOF, error
            tos.pop(where, None)  # a transaction marker or a compacted end
            return
        if where in tos:
            records.append(judge(message, keyring))
            if message.offset() + 1 >= tos[where]:
                del tos[where]
