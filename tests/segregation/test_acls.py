"""Who may do what on the buses, in both shapes: what the design's table says, and nothing more.

Each refused attempt is also made with its wall opened (one rule more, or the listener's mapping
gone): then it succeeds, so that no attempt is refused for another reason than its wall."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation, ConfigResource, NewTopic, OffsetSpec, ResourceType
from harness import until
from secure import (
    KAFKA,
    PRINCIPALS,
    Refused,
    SecureBroker,
    Shape,
    granted,
    result,
    rule,
    script,
)

# docs/design.md 4, written down once more: topic of a class -> writers, readers.
G, W, A, O = "gateway-0", "worker", "auditor", "operator"
CLASS_TOPICS = {
    "requests": ([G], [W, A]), "responses": ([W], [G, A]), "control": ([G], [W]),
    "presence": ([W], [G, O]), "dead-letter": ([G, W], [O]),
}  # fmt: skip
OWN_TOPICS = {
    "private": {
        "llm.audit.v1": ([G, "private-worker-0"], [A]),
        "llm.ingress.v1": (["producer-all"], [G]),
        "llm.ingress.acme.v1": (["producer-crm"], [G]),
        "llm.egress.v1": ([G], ["producer-all"]),
        "llm.egress.acme.v1": ([G], ["producer-crm"]),
    },
    "public": {"llm.public.audit.v1": (["public-worker-0", "public-worker-1"], [A])},
}
WORKERS = {"private": PRINCIPALS["private_workers"], "public": PRINCIPALS["public_workers"]}
PRIVATE_TOPICS = [f"llm.private.{kind}.v1" for kind in CLASS_TOPICS] + list(OWN_TOPICS["private"])
PUBLIC_TOPICS = [f"llm.public.{kind}.v1" for kind in CLASS_TOPICS] + list(OWN_TOPICS["public"])
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError._NOENT,  # of list_offsets alone: the topic's leader is not told
}
WORKER = "public-worker-0"


def rights(cls: str, name: str) -> dict[str, set[str]]:
    """Topic -> operations of a principal among the topics of a class."""
    rows = {f"llm.{cls}.{kind}.v1": row for kind, row in CLASS_TOPICS.items()} | OWN_TOPICS[cls]
    who = {name, W} if name in WORKERS[cls] else {name}
    found = {}
    for topic, (writers, readers) in rows.items():
        may = ({"WRITE"} if who & set(writers) else set()) | (
            {"READ"} if who & set(readers) else set()
        )
        if may:
            found[topic] = may | {"DESCRIBE"}
        elif name == O:
            found[topic] = {"DESCRIBE"}
    return found


def authorized(broker: SecureBroker, name: str, topics: list[str]) -> dict[str, set[str]]:
    """What the broker says that the principal may do; topics it may not even see are left out."""
    admin = broker.admin(name)
    futures = admin.describe_topics(TopicCollection(topics), include_authorized_operations=True)
    found = {}
    for topic, future in futures.items():
        try:
            found[topic] = {op.name for op in result(future).authorized_operations}
        except Refused as no:
            assert no.code == KafkaError.TOPIC_AUTHORIZATION_FAILED, no
    return found


@pytest.mark.parametrize("name", ["gateway-0", "private-worker-0", "public-worker-0", "auditor",
                                  "operator", "producer-crm", "producer-all"])  # fmt: skip
def test_every_principal_has_exactly_the_rights_of_the_design(shape: Shape, name: str):
    for cls, broker in (("private", shape.private), ("public", shape.public)):
        if not broker.pki.pem(name).exists():
            continue  # no way into that cluster at all: test_identities
        topics = PRIVATE_TOPICS + PUBLIC_TOPICS if shape.one else (
            PRIVATE_TOPICS if cls == "private" else PUBLIC_TOPICS)  # fmt: skip
        want = rights(cls, name)
        if shape.one:
            want = rights("private", name) | rights("public", name)
        assert authorized(broker, name, topics) == want


def test_topics_apply_is_idempotent_and_shows_what_is_too_much(shape: Shape):
    again = shape.apply("--dry-run")
    assert again.stdout.count("nothing to do") == len(shape.brokers), again.stdout
    with granted(shape.public, WORKER, "topic", "llm.audit.v1", "READ"):
        line = f"acl User:{WORKER} may Read topic llm.audit.v1"
        assert f"! {line}" in shape.apply(status=1).stdout
        assert f"- {line}" in shape.apply("--prune", "--dry-run", status=1).stdout
        assert f"- {line}" in shape.apply("--prune").stdout
    assert shape.apply("--dry-run").stdout.count("nothing to do") == len(shape.brokers)


def test_who_is_no_admin_changes_nothing_and_is_told_in_our_own_words(shape: Shape):
    plain = shape.config.read_text()
    shape.config.write_text(plain.replace("admin.pem", "operator.pem"))
    try:
        done = shape.apply(status=None)
    finally:
        shape.config.write_text(plain)
    assert done.returncode not in (0, 1)
    assert "the cluster refused this client" in done.stderr
    assert "Request(" not in done.stderr + done.stdout


# ---- attempts of a public worker ----


@dataclass(frozen=True)
class Attempt:
    """Something that a public worker tries; the rule that would allow it."""

    name: str
    act: Callable[[SecureBroker], object]
    kind: str
    resource: str
    operation: str

    def __str__(self) -> str:
        return self.name


def reading(topic: str) -> Attempt:
    return Attempt(f"read {topic}", lambda b: b.consume(WORKER, topic), "topic", topic, "READ")


def writing(topic: str) -> Attempt:
    return Attempt(f"write {topic}", lambda b: b.produce(WORKER, topic), "topic", topic, "WRITE")


def on_admin(name: str, call: Callable, *rule: str) -> Attempt:
    return Attempt(name, lambda b: call(b.admin(WORKER)), *rule)


def first(futures: dict):
    return result(next(iter(futures.values())))


def offsets_of(group: str, topic: str) -> Callable:
    part = TopicPartition(topic, 0)
    return lambda a: first(
        a.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [part])])
    )


def end_of(topic: str) -> Callable:
    return lambda a: first(a.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()}))


def seen(topic: str) -> Callable:
    return lambda a: first(a.describe_topics(TopicCollection([topic])))


def make_rule(admin):
    with rule(admin, ResourceType.TOPIC, "nothing", "User:nobody", AclOperation.READ):
        pass


def make_topic(admin):
    first(admin.create_topics([NewTopic("mine", 1, 1)], validate_only=True))


ON_PRIVATE = [
    *(reading(t) for t in PRIVATE_TOPICS),
    *(writing(t) for t in PRIVATE_TOPICS),
    *(on_admin(f"see {t}", seen(t), "topic", t, "DESCRIBE") for t in PRIVATE_TOPICS[:2]),
    on_admin("end of private requests", end_of("llm.private.requests.v1"),
             "topic", "llm.private.requests.v1", "DESCRIBE"),
    on_admin("group private-workers", lambda a: first(
        a.describe_consumer_groups(["private-workers"])), "group", "private-workers", "DESCRIBE"),
    on_admin("offsets of gateway-ingress", offsets_of("gateway-ingress", "llm.public.requests.v1"),
             "group", "gateway-ingress", "DESCRIBE"),
]  # fmt: skip
ON_PUBLIC = [
    *(writing(f"llm.public.{kind}.v1") for kind in ("requests", "control")),
    *(reading(f"llm.public.{kind}.v1") for kind in ("responses", "presence", "dead-letter")),
    reading("llm.public.audit.v1"),
    Attempt("join private-workers",
            lambda b: b.consume(WORKER, "llm.public.requests.v1", "private-workers"),
            "group", "private-workers", "READ"),
    on_admin("make a topic", make_topic, "cluster", "kafka-cluster", "CREATE"),
    on_admin("make a rule", make_rule, "cluster", "kafka-cluster", "ALTER"),
    on_admin("empty the requests", lambda a: first(
        a.delete_records([TopicPartition("llm.public.requests.v1", 0, 0)])),
        "topic", "llm.public.requests.v1", "DELETE"),
    on_admin("settings of the broker", lambda a: broker_settings(a),
             "cluster", "kafka-cluster", "DESCRIBE_CONFIGS"),
]  # fmt: skip


def broker_settings(admin):
    return first(admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")]))


@pytest.fixture(scope="module")
def filled(shape: Shape) -> Shape:
    """One record on every topic, so that whoever may read it reads something."""
    for broker in shape.brokers:
        topics = PRIVATE_TOPICS + PUBLIC_TOPICS if shape.one else (
            PRIVATE_TOPICS if broker is shape.private else PUBLIC_TOPICS)  # fmt: skip
        broker.fill(topics, b"secret")
    return shape


def refused_but_for_its_rule(broker: SecureBroker, attempt: Attempt) -> None:
    with pytest.raises(Refused) as no:
        attempt.act(broker)
    assert no.value.code in DENIED, no.value
    with granted(broker, WORKER, attempt.kind, attempt.resource, attempt.operation):
        until(lambda: tried(attempt, broker), f"{attempt} with its rule", 5)
    until(lambda: not tried(attempt, broker), f"{attempt} is refused again", 5)


def tried(attempt: Attempt, broker: SecureBroker) -> bool:
    try:
        attempt.act(broker)
    except Refused as no:
        assert no.code in DENIED, no
        return False
    return True


@pytest.mark.parametrize("attempt", ON_PUBLIC, ids=str)
def test_a_public_worker_is_refused_on_its_own_cluster(filled: Shape, attempt: Attempt):
    refused_but_for_its_rule(filled.public, attempt)


@pytest.mark.parametrize("attempt", ON_PRIVATE, ids=str)
def test_a_public_worker_is_refused_on_private_topics(filled: Shape, attempt: Attempt):
    if filled.one:
        refused_but_for_its_rule(filled.public, attempt)
        return
    # Two clusters: nothing of it stands on the one that he reaches ...
    with pytest.raises(Refused) as no:
        attempt.act(filled.public)
    assert no.value.code in DENIED, no.value


def test_two_clusters_hold_no_private_topic_where_a_public_worker_comes(filled: Shape):
    names = set(filled.public.admin().list_topics(timeout=5).topics)
    if filled.one:
        assert names.issuperset(PRIVATE_TOPICS)
    else:
        assert {n for n in names if n.startswith("llm.")} == set(PUBLIC_TOPICS)


def test_a_public_worker_sees_its_six_topics_and_one_address(filled: Shape):
    seen_by = filled.public.admin(WORKER).list_topics(timeout=5)
    assert set(seen_by.topics) == set(PUBLIC_TOPICS)
    assert {f"{b.host}:{b.port}" for b in seen_by.brokers.values()} == {filled.public.pub}
    groups = filled.public.admin(WORKER).list_consumer_groups(request_timeout=5).result()
    assert not {g.group_id for g in groups.valid if not g.group_id.startswith("public-")}


def test_a_pattern_finds_no_private_topic(filled: Shape):
    with pytest.raises(Refused) as no:
        filled.public.consume(WORKER, "^llm\\.(private|audit|ingress|egress).*", "public-workers")
    assert no.value.code == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_what_a_public_worker_must_do_it_can(filled: Shape):
    public = filled.public
    for kind in ("responses", "presence", "dead-letter", "audit"):
        public.produce(WORKER, f"llm.public.{kind}.v1")
    assert public.consume(WORKER, "llm.public.control.v1") == b"secret"
    assert public.consume(WORKER, "llm.public.requests.v1", "public-workers") == b"secret"


# ---- revoking, quotas ----


def test_a_revoked_worker_is_refused_within_ten_seconds_on_its_open_connection(filled: Shape):
    public, topic, errors = filled.public, "llm.public.responses.v1", []
    producer = Producer(public.conf("public-worker-1") | {"message.timeout.ms": 3000})

    def write() -> KafkaError | None:
        try:
            producer.produce(topic, b"x", on_delivery=lambda e, _: errors.append(e))
        except KafkaException as problem:
            return problem.args[0]  # the client knows it by now
        assert producer.flush(5) == 0
        return errors.pop()

    assert write() is None
    left = PRINCIPALS | {"public_workers": [WORKER]}
    filled.write_principals(left)
    try:
        began = time.monotonic()
        removed = filled.apply("--prune").stdout
        until(lambda: write() is not None, "the next record is refused", 10)
        assert time.monotonic() - began < 10
        assert removed.count("- acl User:public-worker-1 may") == 7
        with pytest.raises(Refused):
            public.consume("public-worker-1", "llm.public.requests.v1")
        assert set(public.admin("public-worker-1").list_topics(timeout=5).topics) == set()
        public.produce(WORKER, "llm.public.responses.v1")  # the other one goes on
    finally:
        filled.write_principals(PRINCIPALS)
        filled.apply()
    until(lambda: write() is None, "with its rules it writes again", 10)


def test_a_public_worker_above_its_quota_is_slowed_down(filled: Shape):
    if not filled.one:
        pytest.skip("the same script and the same broker: once is enough")
    public, waits = filled.public, []

    def write_400_kb() -> None:
        producer = Producer(public.conf(WORKER) | {
            "throttle_cb": lambda e: waits.append(e.throttle_time), "batch.size": 50000})
        for _ in range(8):
            producer.produce("llm.public.responses.v1", b"x" * 50_000)
            assert producer.flush(20) == 0
            if waits:
                break

    write_400_kb()
    assert waits == []
    command = (KAFKA / "quotas.sh", "set", public.priv, public.pki.folder, WORKER)
    script(*command, SLUICE_QUOTA_WRITE="10000")
    write_400_kb()
    assert waits and max(waits) > 0
    script(KAFKA / "quotas.sh", "clear", *command[2:])
    shown = script(KAFKA / "quotas.sh", "show", *command[2:]).stdout
    assert "producer_byte_rate" not in shown


# ---- the door: which names a listener lets in ----


def gets_in(broker: SecureBroker, name: str, address: str, pem: Path | None = None) -> bool:
    """Within 1 s, which the broker's own address takes some 30 ms for."""
    try:
        return bool(broker.admin(name, address=address, pem=pem).list_topics(timeout=1).cluster_id)
    except KafkaException as problem:
        assert problem.args[0].code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT)
        return False


def let_in(broker: SecureBroker, name: str, address: str) -> None:
    until(lambda: gets_in(broker, name, address), f"{name} gets in at {address}", 10)


STRANGERS = ["admin", "gateway-0", "kafka-broker"]


def test_a_listener_lets_in_its_own_names_alone(filled: Shape):
    broker = filled.public
    assert not any(gets_in(broker, name, broker.pub) for name in STRANGERS)
    assert not gets_in(broker, WORKER, broker.priv)
    let_in(broker, WORKER, broker.pub)
    let_in(broker, "admin", broker.priv)


def test_the_doors_are_the_mapping_rules_and_a_revoked_name_stays_outside(filled: Shape):
    """Runs last: the broker starts again with its doors open, then with a name revoked."""
    if not filled.one:
        pytest.skip("the listeners of both shapes come from the same lines: once is enough")
    broker = filled.public
    extra = broker.folder / "extra.properties"
    lines = [line for line in extra.read_text().splitlines() if "mapping.rules" not in line]
    extra.write_text("\n".join([*lines, "ssl.principal.mapping.rules=RULE:^CN=([^,]+)$/$1/\n"]))
    broker.stop()
    broker.start()
    for name in STRANGERS:
        let_in(broker, name, broker.pub)
    let_in(broker, WORKER, broker.priv)
    let_in(broker, "public-worker-1", broker.pub)

    held = broker.folder / "held.pem"
    held.write_bytes(broker.pki.pem("public-worker-1").read_bytes())
    broker.pki("revoke", "public-worker-1")
    (kept,) = (broker.pki.folder / "revoked").iterdir()
    assert "PRIVATE KEY" not in kept.read_text()
    broker.write()
    broker.stop()
    broker.start()
    let_in(broker, WORKER, broker.pub)
    assert not gets_in(broker, WORKER, broker.pub, held)
