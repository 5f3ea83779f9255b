"""A producer that knows nothing of HTTP: request on llm.ingress.v1, answer on llm.egress.*."""

import json
import shutil
import subprocess
import time
import uuid

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic
from harness import until
from harness.records import judge

INGRESS, EGRESS = "llm.ingress.v1", "llm.egress.v1"
OWN_EGRESS = "llm.egress.orders"


def body(text="What is a sluice?", **change) -> bytes:
    base = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 12}
    return json.dumps(base | change).encode()


class Egress:
    """Reads a topic from the moment it is made; hands out the answers to one correlation id."""

    def __init__(self, system, topic=EGRESS):
        self.consumer = system.broker.consumer("egress-reader")
        parts = self.consumer.list_topics(topic, 20).topics[topic].partitions
        ends = [TopicPartition(topic, p) for p in parts]
        for part in ends:
            part.offset = self.consumer.get_watermark_offsets(part, 20)[1]
        self.consumer.assign(ends)
        self.seen = []

    def poll(self) -> None:
        for message in self.consumer.consume(500, 0.05):
            if message.error() is None:
                record = judge(message, None)
                assert record.error is None, record
                self.seen.append(record)

    def of(self, correlation: str) -> list:
        return [r for r in self.seen if r.header("ce_correlationid") == correlation]

    def answer(self, correlation: str, seconds: float = 20) -> list:
        """All records up to the end: a whole answer, an error, or the piece with the finish."""

        def look():
            mine = self.of(correlation)
            if any(is_end(record.body) for record in mine):
                return mine
            return self.poll()

        return until(look, f"the answer to {correlation}", seconds, every=0)


def is_end(body: dict) -> bool:
    return "error" in body or any(c.get("finish_reason") for c in body["choices"])


@pytest.fixture
def egress(system):
    made = Egress(system)
    yield made
    made.consumer.close()


def produce(system, value, key=b"customer-7", correlation=None, topic=INGRESS, **headers) -> str:
    correlation = correlation or str(uuid.uuid4())
    rows = [("ce_id", correlation.encode())]
    rows += [(name, text.encode()) for name, text in headers.items()]
    producer = system.broker.producer()
    producer.produce(topic, value, key, headers=rows)
    assert producer.flush(20) == 0
    return correlation


@pytest.mark.parametrize(
    "text, cls", [("What is a sluice?", "public"), ("Confidential: the merger", "private")]
)
def test_whole(system, egress, text, cls):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    system.mark()
    correlation = produce(system, body(text), traceparent=trace)
    (record,) = egress.answer(correlation)
    assert record.key == b"customer-7"
    assert record.type == "io.sluice.answer.v1" and record.header("ce_id").endswith("/0")
    assert record.header("traceparent") == trace
    assert record.body["object"] == "chat.completion"
    assert record.body["choices"][0]["message"]["content"]
    assert record.body["usage"]["completion_tokens"] <= 12
    system.wait_idle()
    records = system.records()
    (request,) = records.requests()[record.subject]
    assert request.topic == f"llm.{cls}.requests.v1"
    assert request.subject[14] == "8", "the id is a UUIDv8 of the record's place"
    assert (cls == "private") == (request.header("ce_correlationid") == correlation)
    assert len(records.complete_runs(record.subject)) == 1


def test_stream(system, egress):
    whole = produce(system, body(seed=9))
    stream = produce(system, body(seed=9, stream=True, stream_options={"include_usage": True}))
    (answer,) = egress.answer(whole)
    pieces = egress.answer(stream)
    until(lambda: egress.of(stream)[-1].body.get("usage") or egress.poll(), "the usage record")
    pieces = egress.of(stream)
    # Without a key the pieces may lie on several partitions; with one they are in order.
    assert [r.header("ce_id") for r in pieces] == [
        f"{pieces[0].subject}/{i}" for i in range(len(pieces))
    ]
    assert {r.key for r in pieces} == {b"customer-7"} and len({r.partition for r in pieces}) == 1
    text = "".join(c["delta"].get("content") or "" for r in pieces for c in r.body["choices"])
    assert text == answer.body["choices"][0]["message"]["content"]
    assert pieces[-1].body["choices"] == [] and pieces[-1].body["usage"]["completion_tokens"] > 0
    assert all(r.body["object"] == "chat.completion.chunk" for r in pieces)


def seed_of(record):
    return record.body.get("x_sluice_seed")


def test_without_key_and_id(system, egress):
    """The answer has neither; here its seed tells it apart."""
    producer = system.broker.producer()
    producer.produce(INGRESS, body(seed=77))
    assert producer.flush(20) == 0
    record = until(
        lambda: egress.poll() or next((r for r in egress.seen if seed_of(r) == 77), None),
        "an answer",
        every=0,
    )
    assert not record.key and record.header("ce_correlationid") is None


@pytest.mark.parametrize(
    "value, code",
    [
        (b"{", None),
        (b"", None),
        (None, None),
        (b"\xff\xfe", None),
        (body(messages=[]), "empty_array"),
        (body(model="gpt-9"), "model_not_found"),
        (body(n=2), "unsupported_value"),
    ],
)
def test_an_invalid_body_is_answered_with_an_error_record(system, egress, value, code):
    correlation = produce(system, value)
    (record,) = egress.answer(correlation)
    assert record.key == b"customer-7"
    error = record.body["error"]
    assert error["type"] == "invalid_request_error" and error["message"]
    assert code is None or error["code"] == code


def test_deadline(system, egress):
    late = produce(system, body(), ce_deadline=str(int(time.time() * 1000) - 5000))
    (record,) = egress.answer(late)
    assert record.body["error"]["code"] == "deadline_exceeded"
    fine = produce(system, body(), ce_deadline=str(int(time.time() * 1000) + 60_000))
    assert "error" not in egress.answer(fine)[-1].body


def test_reply_topic(system, egress):
    """Under llm.egress. it is obeyed; anything else is ignored and never written to."""
    admin = system.broker.admin()
    admin.create_topics([NewTopic(OWN_EGRESS, 1, 1)])[OWN_EGRESS].result(20)
    own = Egress(system, OWN_EGRESS)
    try:
        correlation = produce(system, body(), ce_replytopic=OWN_EGRESS)
        (record,) = own.answer(correlation)
        assert record.topic == OWN_EGRESS and record.key == b"customer-7"
        for elsewhere in ("llm.public.requests.v1", "llm.ingress.v1", "other"):
            correlation = produce(system, body(), ce_replytopic=elsewhere)
            (record,) = egress.answer(correlation)
            assert record.topic == EGRESS
    finally:
        own.consumer.close()


def test_headers_of_the_producer_do_not_steer(system, egress):
    """Class, level, tenant and checksum are Sluice's own; a producer's are not taken over."""
    system.mark()
    correlation = produce(
        system, body("Confidential: the merger"), ce_class="public", ce_level="public",
        ce_tenant="other", ce_checksum="0" * 32, ce_subject="evil", ce_type="io.sluice.chunk.v1",
    )  # fmt: skip
    (record,) = egress.answer(correlation)
    system.wait_idle()
    (request,) = system.records().requests()[record.subject]
    assert request.topic == "llm.private.requests.v1"
    assert request.header("ce_tenant") == "acme" and request.header("ce_class") == "private"


def test_many_in_flight(system, egress):
    """200 at once, both classes, whole and streamed: each is answered exactly once."""
    producer, ids = system.broker.producer(), [str(uuid.uuid4()) for _ in range(200)]
    for i, correlation in enumerate(ids):
        text = "Confidential: the merger" if i % 3 == 0 else "What is a sluice?"
        producer.produce(INGRESS, body(text, stream=i % 2 == 0, max_tokens=6), f"k{i}".encode(),
                         headers=[("ce_id", correlation.encode())])  # fmt: skip
    assert producer.flush(20) == 0
    for i, correlation in enumerate(ids):
        records = egress.answer(correlation, 60)
        assert "error" not in records[-1].body, records[-1].body
        assert {r.key for r in records} == {f"k{i}".encode()}
        assert len({r.subject for r in records}) == 1
        assert len({r.header("ce_id") for r in records}) == len(records)
        assert sum(is_end(r.body) for r in records) == 1


def test_offsets_are_committed_when_the_answer_stands(system, egress):
    correlation = produce(system, body())
    egress.answer(correlation)
    consumer = system.broker.consumer("gateway-ingress")
    try:
        parts = [TopicPartition(INGRESS, p)
                 for p in consumer.list_topics(INGRESS, 20).topics[INGRESS].partitions]  # fmt: skip

        def committed():
            rows = consumer.committed(parts, 20)
            return all(
                row.offset >= consumer.get_watermark_offsets(row, 20)[1] or
                (row.offset < 0 and consumer.get_watermark_offsets(row, 20)[1] == 0)
                for row in rows
            )  # fmt: skip

        until(committed, "every ingress offset is committed", 15)
    finally:
        consumer.close()


@pytest.mark.skipif(not shutil.which("kcat"), reason="kcat is not installed")
@pytest.mark.parametrize("stream", [False, True])
def test_kcat(system, stream):
    since, correlation = int(time.time() * 1000), f"kcat-{uuid.uuid4()}"
    subprocess.run(
        ["kcat", "-P", "-q", "-b", system.broker.address, "-t", INGRESS, "-k", "me",
         "-H", f"ce_id={correlation}"],
        input=body(stream=stream), check=True, timeout=30,
    )  # fmt: skip

    def look():
        lines = subprocess.run(
            ["kcat", "-C", "-q", "-e", "-b", system.broker.address, "-t", EGRESS,
             "-o", f"s@{since}", "-f", "%k\t%h\t%s\n"],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout.splitlines()  # fmt: skip
        rows = [
            line.split("\t", 2) for line in lines if f"ce_correlationid={correlation}" in line
        ]
        return rows if rows and is_end(json.loads(rows[-1][2])) else None

    rows = until(look, "kcat reads the answer", 20)
    assert {key for key, _, _ in rows} == {"me"}
    assert (len(rows) > 1) == stream
