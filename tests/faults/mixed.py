"""Mixed requests (HTTP streams, HTTP whole, Kafka ingress; both classes) and the client's own books
of them, for tests that break something in the middle.

The same prompt and seed give the same text whatever breaks, so each text is compared with that
of an undisturbed run afterwards. Egress records are told apart by ce_id: a gateway that died after
sending and before committing sends the same event again, and consumers drop it by its ce_id."""

import json
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import TopicPartition

from harness import Entry, Sluice, until

INGRESS, EGRESS = "llm.ingress.v1", "llm.egress.v1"
GROUPS = {
    "private-workers": "llm.private.requests.v1",
    "public-workers": "llm.public.requests.v1",
    "gateway-ingress": INGRESS,
}
QUIET = {"log_level": 0}  # brokers go on purpose
# Without idempotence a resend over a broker's death is a second request; with more than one batch
# in flight librdkafka calls a refused first batch delivered when the second was taken.
EXACT = {"enable.idempotence": True, "max.in.flight": 1}
LOST_S = 2  # how old an audit record may be that dies with a gateway
KINDS = ("stream", "whole", "ingress")


def monotonic(unix_ms: int) -> float:
    return time.monotonic() - (time.time() - unix_ms / 1000)


class Asked:
    """One request: how it goes out, and what came back."""

    def __init__(self, marker: str, kind: str, private: bool, seed: int, tokens: int):
        self.marker, self.kind, self.private = marker, kind, private
        word = "Project Falcon" if private else "a garden"
        self.text = f"Tell me about {word}, please. {marker}"
        self.options = {"seed": seed, "max_tokens": tokens, "temperature": 0.8}
        self.entry: Entry | None = None  # HTTP
        self.answers: dict[str, dict] = {}  # egress bodies by ce_id
        self.id = ""
        # An error and a result under one ce_id, although no gateway was killed between them: only
        # a killed one may forget that it has answered.
        self.said_both = False
        self.answered = 0.0  # when the gateway wrote its (first) egress record

    def __repr__(self) -> str:
        return (
            f"{self.marker} ({self.kind}, private={self.private}): {self.entry or self.answers}"
        )

    @property
    def over(self) -> bool:
        return bool(self.answers) if self.kind == "ingress" else self.entry is not None

    @property
    def complete(self) -> bool:
        if self.kind == "ingress":
            return any("choices" in body for body in self.answers.values())
        return self.entry.complete

    @property
    def error(self) -> bool:
        if self.kind == "ingress":
            return any("error" in body for body in self.answers.values())
        return self.entry.definite_error

    @property
    def answer(self) -> str:
        if self.kind == "ingress":
            (body,) = self.answers.values()
            return body["choices"][0]["message"]["content"] or ""
        return self.entry.text


class Mixed:
    def __init__(
        self,
        system: Sluice,
        name: str,
        n: int = 100,
        at_once: int = 16,
        tokens: int = 160,
        kinds: tuple = KINDS,
    ):
        self.system = system
        self.books = system.books()
        self.asked = [
            Asked(
                f"{name}-{i:03}",
                kinds[i % len(kinds)],
                i // len(kinds) % 2 == 0,
                1000 + i,
                tokens,
            )
            for i in range(n)
        ]
        self.by_marker = {a.marker: a for a in self.asked}
        self.pool = ThreadPoolExecutor(at_once)
        self.stopping = threading.Event()
        self.kills: list[tuple[float, float]] = []  # from when to when a gateway was killed
        self.jobs: list = []

    # ---- running ----

    def start(self) -> "Mixed":
        self.system.mark()
        self.consumer = self.system.broker.consumer(f"egress-{time.time_ns()}", **QUIET)
        count = len(self.consumer.list_topics(EGRESS, timeout=30).topics[EGRESS].partitions)
        ends = [TopicPartition(EGRESS, p) for p in range(count)]
        for part in ends:
            part.offset = self.consumer.get_watermark_offsets(part, 30)[1]
        self.consumer.assign(ends)
        self.producer = self.system.broker.producer(**QUIET | EXACT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.jobs = [self.pool.submit(self._ask, asked) for asked in self.asked]
        return self

    def _ask(self, asked: Asked) -> None:
        if asked.kind == "ingress":
            body = {"model": "auto", "messages": [{"role": "user", "content": asked.text}]}
            self.producer.produce(
                INGRESS,
                json.dumps(body | asked.options).encode(),
                headers={"ce_id": asked.marker},
                key=asked.marker,
            )
            assert self.producer.flush(60) == 0, f"{asked.marker} was not produced in 60 s"
            return
        end = time.monotonic() + 60
        while True:
            entry = self.books.ask(
                asked.text, asked.marker, asked.kind == "stream", 90, **asked.options
            )
            if not self._refused(entry) or time.monotonic() > end:
                break
            self.books.entries.remove(entry)
            self.stopping.wait(0.1)
        asked.entry = entry
        asked.id = entry.id

    @staticmethod
    def _refused(entry: Entry) -> bool:
        """Nothing was accepted: no gateway listened, or it knew of no worker yet. Asked again."""
        quick = entry.ended - entry.began < 1
        return "Refused" in entry.broken or bool(
            entry.error and entry.error["code"] in ("no_worker", "starting", "draining") and quick
        )

    def _read(self) -> None:
        while not self.stopping.is_set():
            message = self.consumer.poll(0.1)
            if message is None or message.error():
                continue
            headers = {name: value.decode() for name, value in message.headers()}
            asked = self.by_marker.get(headers.get("ce_correlationid"))
            if asked:
                asked.id = headers["ce_subject"]
                asked.answered = asked.answered or monotonic(message.timestamp()[1])
                body = json.loads(message.value())
                before = asked.answers.get(headers["ce_id"])
                if before and ("choices" in before) != ("choices" in body):
                    asked.said_both |= all(to < asked.answered for _, to in self.kills)
                if "choices" in body or not before:
                    asked.answers[headers["ce_id"]] = body

    def kill_gateway(self, gateway) -> None:
        began = time.monotonic()
        gateway.kill()
        self.kills.append((began, time.monotonic()))

    def over(self) -> int:
        return sum(asked.over for asked in self.asked)

    def wait_over(self, n: int, seconds: float = 60) -> None:
        until(lambda: self.over() >= n, f"{n} of {len(self.asked)} requests are over", seconds)

    def finish(self, seconds: float = 120) -> "Mixed":
        try:
            self.wait_over(len(self.asked), seconds)
        except AssertionError as problem:
            left = [a.marker + " " + a.kind for a in self.asked if not a.over]
            said = [row["msg"] for row in self.system.gateway.events() if row["level"] != "info"]
            raise AssertionError(
                f"{problem}; left: {left}; lag: {lag(self.system)}; the gateway said: {said[-20:]}"
            ) from None
        finally:
            self.pool.shutdown(cancel_futures=True)
            self.stopping.set()
            self.reader.join(10)
            self.consumer.close()
        for job in self.jobs:
            job.result()
        return self

    # ---- judging ----

    @property
    def cut(self) -> list[Asked]:
        """Neither a whole answer nor a definite error."""
        return [a for a in self.asked if not a.complete and not a.error]

    def check_ends(self, errors_max: int = 0) -> None:
        """Exactly one result or a definite error each; cut only by a gateway's own death."""
        for asked in self.asked:
            assert not (asked.complete and asked.error), asked
            assert not asked.said_both, asked
            assert asked.kind != "ingress" or len(asked.answers) == 1, asked
        for asked in self.cut:
            assert asked.kind != "ingress", asked
            e = asked.entry
            assert any(e.began <= to and at <= e.ended for at, to in self.kills), asked
        errors = [a for a in self.asked if a.error]
        assert len(errors) <= errors_max, errors
        ids = [a.id for a in self.asked if a.id]
        assert len(ids) == len(set(ids)), "an id was given twice"

    def check_texts(self) -> None:
        """Whole answers equal an undisturbed run; what came before a cut is its beginning."""
        again = self.system.books()
        with ThreadPoolExecutor(16) as pool:
            ask = lambda a: again.ask(a.text, a.marker, False, **a.options)  # noqa: E731
            for asked, calm in zip(self.asked, pool.map(ask, self.asked), strict=True):
                assert calm.complete, calm
                if asked.complete:
                    assert asked.answer == calm.text, asked
                elif asked.kind == "stream":
                    assert calm.text.startswith(asked.entry.text), asked

    def check_audit(self) -> dict:
        """`sluice audit` says of each id what the books say."""
        try:
            until(self._audit_settled, "the audit has settled", 30, every=0.5)
        except AssertionError as problem:
            raise AssertionError(f"{problem}; no result is audited of {self.unsettled}") from None
        said, markers = self.said, self._markers()
        rows = {row["id"]: row for row in said["list"] if row["id"] in self._ids() | set(markers)}
        assert said["bad_records"] == 0
        faults = defaultdict(set)
        for id, row in rows.items():
            for fault in filter(None, row["faults"].split(",")):
                faults[fault].add(id)
        # Delivered again under the same ce_id by the gateway that came after a killed one.
        twice = faults.pop("duplicated", set())
        assert twice <= self._sent_again(), twice
        unanswered = {markers[id] for id in faults.pop("unanswered", set())}
        assert not faults, faults
        for asked in self.asked:
            row = rows.get(asked.id)
            if asked.complete:
                late = self._just_before_a_kill(asked)
                assert row, asked
                assert late or (
                    row["accepted"] and row["results"] == (2 if asked.id in twice else 1)
                ), (asked, row)
                assert row["class"] == ("private" if asked.private else "public"), (asked, row)
            elif asked.error and row:
                assert row["results"] == 0, (asked, row)
        cut = {a.marker for a in self.cut}
        recent = {a.marker for a in self.asked if self._just_before_a_kill(a)}
        undelivered = {
            markers[id]
            for id, row in rows.items()
            if id in markers and row["accepted"] and not row["delivered"]
        }
        assert undelivered | unanswered <= cut | recent, undelivered | unanswered
        known = {a.marker for a in self.cut if a.id and rows.get(a.id, {}).get("accepted")}
        assert known <= undelivered, known - undelivered
        executed = {
            id for id, runs in self.records.runs().items() if id in markers and len(runs) > 1
        }
        assert executed == {id for id, row in rows.items() if id in markers and row["runs"] > 1}
        return said

    def _just_before_a_kill(self, asked: Asked) -> bool:
        """Audit records of answers are gathered for 50 ms: a killed gateway takes them along. Of
        an answer that is whole in the client's socket the client may read the end afterwards."""
        began, ended = asked.answered, asked.answered
        if asked.entry:
            began, ended = asked.entry.began, asked.entry.ended
        return any(at - LOST_S < ended and began <= to for at, to in self.kills)

    def _audit_settled(self) -> bool:
        self.said = self.system.audit("--all", "--most", "100000", "--settle", "0", status=None)
        rows = {row["id"]: row for row in self.said["list"]}
        want = [a for a in self.asked if a.complete and not self._just_before_a_kill(a)]
        self.unsettled = [
            (a.marker, a.id, rows.get(a.id))
            for a in want
            if not rows.get(a.id, {}).get("results")
        ]
        return not self.unsettled

    def _sent_again(self) -> set[str]:
        """Ids whose egress records stand twice in Kafka under one ce_id, with one text. (Of a
        result after an error, see said_both.)"""
        by_ce_id = defaultdict(list)
        for record in self.records.of(topic=EGRESS):
            if record.subject in self._ids():
                by_ce_id[record.envelope.id].append(record)
        for records in by_ce_id.values():
            said = [record.body["choices"] for record in records if "choices" in record.body]
            assert all(one == said[0] for one in said), records
        return {rows[0].subject for rows in by_ce_id.values() if len(rows) > 1}

    def _ids(self) -> set[str]:
        return {a.id for a in self.asked if a.id}

    def _markers(self) -> dict[str, str]:
        """Request id -> marker, from the request records themselves."""
        self.records = self.system.records()
        assert not self.records.damaged(), self.records.damaged()[:3]
        found = {}
        for id, requests in self.records.requests().items():
            for request in requests:
                text = request.body["messages"][-1]["content"].rsplit(" ", 1)[-1]
                if text in self.by_marker:
                    found[id] = text
        return found


def lag(system: Sluice) -> dict[str, int]:
    """Records that the groups have not committed."""
    out = {}
    for group, topic in GROUPS.items():
        consumer = system.broker.consumer(group, **QUIET)
        try:
            parts = [
                TopicPartition(topic, p)
                for p in consumer.list_topics(topic, timeout=30).topics[topic].partitions
            ]
            left = 0
            for part in consumer.committed(parts, 30):
                low, high = consumer.get_watermark_offsets(part, 30)
                left += high - max(low, part.offset)
            out[group] = left
        finally:
            consumer.close()
    return out


def check_nothing_stuck(system: Sluice) -> None:
    """A fresh request of each class is answered, and no group has anything left to commit."""
    system.wait_workers(seconds=40)
    books = system.books()
    for text, cls in (("Project Falcon again", "private"), ("a garden again", "public")):
        entry = books.ask(text, max_tokens=4)
        assert entry.complete and entry.cls == cls, entry
    until(lambda: not any(lag(system).values()), "every group's lag is 0", 30, every=0.2)
    system.wait_idle()
