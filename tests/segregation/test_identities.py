"""Certificates: what pki.sh makes, what a broker and a daemon refuse and how clearly they say so,
renewals without a stop."""

import ssl
import socket
import stat
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from confluent_kafka import KafkaError, KafkaException, Producer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness import Daemon, until
from harness.ports import free_port
from secure import KAFKA, PRINCIPALS, Pki, SecureBroker, Shape, script, tls

# ---- pki.sh ----


@pytest.fixture
def pki(tmp_path) -> Pki:
    return Pki(tmp_path / "pki", [])


def certificate(path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_client_and_a_server_have_what_the_broker_needs(pki: Pki):
    pki("issue", "gateway-0", "client")
    client, server = certificate(pki.pem("gateway-0")), certificate(pki.pem("kafka-broker"))
    assert client.subject.rfc4514_string() == "CN=gateway-0"
    assert isinstance(client.public_key().curve, ec.SECP256R1)
    uses = x509.ExtendedKeyUsageOID

    def eku(cert):
        return set(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)

    assert eku(client) == {uses.CLIENT_AUTH}  # can't play a broker
    assert eku(server) == {uses.SERVER_AUTH, uses.CLIENT_AUTH}
    for cert in (client, server):
        basic = cert.extensions.get_extension_for_class(x509.BasicConstraints)
        assert basic.critical and not basic.value.ca
    authority = certificate(pki.ca).extensions.get_extension_for_class(x509.BasicConstraints)
    assert authority.critical and authority.value.ca and authority.value.path_length == 0
    for file in [*pki.folder.glob("*.pem"), pki.folder / "ca.key"]:
        wanted = 0o644 if file == pki.ca else 0o600
        assert stat.S_IMODE(file.stat().st_mode) == wanted, file


def test_what_stands_is_left_alone_and_a_renewal_has_a_new_key(pki: Pki):
    pki("issue", "auditor", "client")
    before = pki.pem("auditor").read_bytes()
    authority = pki.ca.read_bytes()
    pki("init")
    pki("issue", "auditor", "client")
    assert pki.pem("auditor").read_bytes() == before and pki.ca.read_bytes() == authority
    old = certificate(pki.pem("auditor"))
    pki("renew", "auditor")
    new = certificate(pki.pem("auditor"))
    assert new.subject == old.subject and new.serial_number != old.serial_number
    assert new.public_key() != old.public_key()
    assert not list(pki.folder.glob(".new.*"))


def test_a_revoked_name_is_never_issued_again_and_its_key_is_gone(pki: Pki):
    pki("issue", "public-worker-a", "client")
    pki("revoke", "public-worker-a")
    again = pki("issue", "public-worker-a", "client", check=False)
    assert again.returncode == 1 and "public-worker-a-2" in again.stderr
    pki("issue", "public-worker-a.b", "client")  # another name, though it begins alike
    assert "revoked" in pki("list").stdout
    (kept,) = (pki.folder / "revoked").iterdir()
    assert "PRIVATE KEY" not in kept.read_text()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["issue", "../x", "client"], 1),
        (["issue", "Upper", "client"], 1),
        (["issue", "a,b", "client"], 1),
        (["issue", "ca", "client"], 1),
        (["issue", "a", "server"], 1),
        (["issue", "a", "server", "IP:1;rm"], 1),
        (["issue", "a", "client", "IP:10.0.0.1"], 1),
        (["issue", "a", "both"], 2),
        (["renew", "nobody"], 1),
        (["revoke", "nobody"], 1),
        (["issue", "kafka-broker", "client"], 1),
    ],
)
def test_wrong_words_change_nothing(pki: Pki, words: list[str], status: int):
    before = {f: f.read_bytes() for f in pki.folder.rglob("*") if f.is_file()}
    done = pki(*words, check=False)
    assert done.returncode == status, done
    assert done.stderr and "PRIVATE" not in done.stderr
    assert {f: f.read_bytes() for f in pki.folder.rglob("*") if f.is_file()} == before


def test_what_ends_soon_is_told(pki: Pki):
    assert pki("check").returncode == 0
    pki("issue", "operator", "client", SLUICE_PKI_DAYS="5")
    late = pki("check", check=False)
    assert late.returncode == 1 and late.stdout.startswith("operator.pem ends at ")
    assert "ends-soon" in pki("list").stdout


# ---- refused at the broker ----


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One cluster whose rules let the workers work, for all that follows."""
    made = Shape(tmp_path_factory.mktemp("identities"), one=True)
    try:
        made.start()
        made.apply()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def broker(site: Shape) -> SecureBroker:
    return site.public


def sign(pki: Pki, name: str, start: timedelta, end: timedelta) -> Path:
    """A client's certificate that holds from start to end, counted from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = certificate(pki.ca)
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .sign(
            serialization.load_pem_private_key((pki.folder / "ca.key").read_bytes(), None),
            hashes.SHA256(),
        )
    )
    path = pki.folder / f"{name}.{made.serial_number}.signed"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    path.write_bytes(
        key.private_bytes(*form, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


DAY = timedelta(days=1)
REFUSED_CERTIFICATE = "the broker refused this client's certificate"
SHUT = "the broker closes the connection at once"
UNTRUSTED = "the broker's certificate can't be trusted"


@pytest.fixture(scope="module")
def identities(broker: SecureBroker, tmp_path_factory) -> dict[str, tuple[dict, str]]:
    """Case -> the properties of a worker, and what its log must say; "" for the good one."""
    own, other = broker.pki, Pki(tmp_path_factory.mktemp("other"), ["public-worker-0"], False)
    name = "public-worker-0"
    return {
        "good": (tls(own.ca, sign(own, name, -DAY, 9 * DAY)), ""),
        "expired": (tls(own.ca, sign(own, name, -9 * DAY, -DAY)), REFUSED_CERTIFICATE),
        "not yet valid": (tls(own.ca, sign(own, name, DAY, 9 * DAY)), REFUSED_CERTIFICATE),
        "of another CA": (tls(own.ca, other.pem(name)), REFUSED_CERTIFICATE),
        "of another name": (tls(own.ca, own.pem("gateway-0")), SHUT),
        "without TLS": ({}, SHUT),
        "that trusts another CA": (tls(other.ca, own.pem(name)), UNTRUSTED),
    }


def public_worker(broker: SecureBroker, properties: dict, folder: Path) -> Daemon:
    port, config = free_port(), folder / "worker.yaml"
    config.write_text(yaml.safe_dump({
        "instance": "w", "bus": {"bootstrap": broker.pub, "properties": properties},
        "encrypt": False, "upstream": {"url": "http://127.0.0.1:1/v1", "models": {"a": "b"}},
        "start_ms": 4000, "admin": {"listen": f"127.0.0.1:{port}"},
    }))  # fmt: skip
    return Daemon("worker", "sluice-public-worker", config, port, folder)


@pytest.fixture(scope="module")
def workers(broker: SecureBroker, identities, tmp_path_factory):
    """A worker for each case, all at once: each of them takes 5 s to give up."""
    made = {}
    for case, (properties, _) in identities.items():
        made[case] = public_worker(broker, properties, tmp_path_factory.mktemp("worker"))
        made[case].start(wait=False)
    yield made
    for worker in made.values():
        worker.stop()


@pytest.mark.parametrize("case", ["good", "expired", "not yet valid", "of another CA",
                                  "of another name", "without TLS", "that trusts another CA"])
def test_a_worker_says_why_it_is_not_let_in(identities, workers, case: str):
    worker, words = workers[case], identities[case][1]
    if not words:
        worker.wait_ready()
        assert not worker.events("bus_unreachable", "bus_trouble")
        return
    rows = until(lambda: worker.events("bus_unreachable", "start_failed"), "it says so", 15)
    assert words in str(rows[0]), rows[0]
    assert worker.wait_gone(20) != 0
    assert words in str(worker.events("start_failed")[0])
    log = worker.log.read_text()
    for foreign in ("alert", "SSL routines", "ApiVersion", "Exception"):
        assert foreign not in log


@pytest.mark.parametrize(
    ("version", "taken"),
    [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_versions(broker: SecureBroker, version: str, taken: bool):
    context = ssl.create_default_context(cafile=broker.pki.ca)
    context.load_cert_chain(broker.pki.pem("public-worker-0"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the broker refuses it, not this side
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    host, port = broker.pub.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as plain:
        if not taken:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname=host)
            return
        with context.wrap_socket(plain, server_hostname=host) as sock:
            assert "CHACHA20" in sock.cipher()[0]


def test_a_client_without_a_certificate_stays_outside(broker: SecureBroker):
    from confluent_kafka.admin import AdminClient

    conf = broker.conf("public-worker-0")
    for name in ("ssl.certificate.location", "ssl.key.location"):
        del conf[name]
    client = AdminClient(conf)
    with pytest.raises(KafkaException) as no:
        client.list_topics(timeout=1)
    assert no.value.args[0].code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT)


def test_a_worker_whose_rules_are_taken_away_says_so_and_goes_on_with_them(
    site: Shape, broker: SecureBroker, tmp_path
):
    own = tls(broker.pki.ca, broker.pki.pem("public-worker-0"))
    worker = public_worker(broker, own, tmp_path).start()
    try:
        site.write_principals(PRINCIPALS | {"public_workers": ["public-worker-1"]})
        site.apply("--prune")
        rows = until(lambda: worker.events("bus_trouble"), "it says so", 15)
        assert "the cluster refused this client: check its certificate and its ACLs" in str(rows[0])
        until(lambda: worker.get("/health/readiness")[0] == 503, "it is not ready", 30)
        site.write_principals(PRINCIPALS)
        site.apply()
        worker.wait_ready(40)
    finally:
        site.write_principals(PRINCIPALS)
        site.apply()
        worker.stop()


# ---- renewals ----


def gets_in(broker: SecureBroker, pem: Path) -> bool:
    try:
        client = broker.admin("public-worker-0", pem=pem)
        return bool(client.list_topics(timeout=1).cluster_id)
    except KafkaException:
        return False


def test_an_open_connection_outlives_its_certificate(broker: SecureBroker):
    pem = sign(broker.pki, "public-worker-0", -DAY, timedelta(seconds=6))
    conf = broker.conf("public-worker-0", pem=pem) | {"message.timeout.ms": 5000}
    producer, errors = Producer(conf), []

    def write() -> None:
        producer.produce("llm.public.responses.v1", b"x",
                         on_delivery=lambda e, _: errors.append(e))  # fmt: skip
        assert producer.flush(10) == 0

    write()
    assert gets_in(broker, pem)
    until(lambda: not gets_in(broker, pem), "the certificate has ended", 15)
    write()
    assert errors == [None, None]


def test_two_authorities_at_once_while_one_takes_over(broker: SecureBroker, tmp_path):
    after = Pki(tmp_path / "after", ["public-worker-0"], False)
    assert not gets_in(broker, after.pem("public-worker-0"))
    with broker.pki.ca.open("a") as both:
        both.write(after.ca.read_text())
    script(KAFKA / "keystore.sh", broker.pki.folder, f"priv={broker.priv}", f"pub={broker.pub}")
    until(lambda: gets_in(broker, after.pem("public-worker-0")), "the new one's are let in", 10)
    assert gets_in(broker, broker.pki.pem("public-worker-0"))


def test_the_broker_takes_a_renewed_certificate_while_a_producer_writes(broker: SecureBroker):
    listeners = [f"priv={broker.priv}", f"pub={broker.pub}"]
    errors, enough = [], threading.Event()
    producer = Producer(broker.conf("public-worker-0") | {"message.timeout.ms": 10000})

    def write() -> None:
        while not enough.wait(0.01):
            producer.produce("llm.public.responses.v1", b"x",
                             on_delivery=lambda e, _: errors.append(e))  # fmt: skip
            producer.poll(0)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        until(lambda: errors, "the first record is acknowledged", 10)
        broker.pki("renew", "kafka-broker")
        serial = certificate(broker.pki.pem("kafka-broker")).serial_number
        said = script(KAFKA / "keystore.sh", broker.pki.folder, *listeners).stdout
        assert f"{serial:X}" in said
        context = ssl.create_default_context(cafile=broker.pki.ca)
        context.load_cert_chain(broker.pki.pem("public-worker-0"))
        host, port = broker.pub.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as plain, context.wrap_socket(
            plain, server_hostname=host
        ) as sock:
            assert int(sock.getpeercert()["serialNumber"], 16) == serial
    finally:
        enough.set()
        writing.join()
    assert producer.flush(10) == 0
    assert errors and not any(errors)
