"""Two systems for the whole session. Tests leave them as they found them.

`system`  both classes end in a real engine; for what is about answers
`paced`   the public class ends in FakeUpstream, which a test scripts step by step; for what is
          about moments: a disconnect, a deadline, a limit. Its second gateway has a short deadline.
"""

import threading

import pytest
from harness import Broker, FakeUpstream, Sluice
from harness.upstream import delta_event, echo, say

SHORT_DEADLINE_MS = 1500


@pytest.fixture(scope="session")
def system(broker, tmp_path_factory):
    with Sluice(tmp_path_factory.mktemp("system"), broker) as made:
        yield made


@pytest.fixture(scope="session")
def second_broker(tmp_path_factory):
    made = Broker(tmp_path_factory.mktemp("kafka2")).start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def paced_system(second_broker, tmp_path_factory):
    fake = FakeUpstream()
    policy = {
        "models": {"ghost": {"classes": ["private"]}},
        "tenants": {
            "acme": {"models": ["auto", "tiny", "tiny-cloud", "ghost"]},
            "small": {"models": ["tiny-cloud"]},
            "strict": {"models": ["auto", "tiny-cloud"], "sensitive_on_public_model": "refuse"},
        },
    }
    limits = {"deadline_ms": SHORT_DEADLINE_MS}
    config = {"gateway-1": {"limits": limits, "ingress": {"topics": []}},
              "public": {"upstream": {"concurrency": 256}}}  # fmt: skip
    made = Sluice(tmp_path_factory.mktemp("paced"), second_broker, config=config, policy=policy,
                  upstream_url=fake.url, gateways=2)  # fmt: skip
    made.fake = fake
    with made:
        yield made
    fake.close()


@pytest.fixture
def paced(paced_system):
    """With an upstream that echoes and has forgotten what it was asked."""
    fake = paced_system.fake
    fake.script, fake.bodies, fake.headers, fake.left = echo, [], [], []
    yield paced_system
    fake.script = echo
    paced_system.wait_idle()


class Gate:
    """A script that says one piece, then waits until it is opened, then says the rest."""

    def __init__(self, first: str = "one ", rest: tuple = ("two ", "three")):
        self.first, self.rest = first, rest
        self.open = threading.Event()

    def __call__(self, body):
        steps = [("event", delta_event({"role": "assistant", "content": ""}))]
        if self.first:
            steps.append(("event", delta_event({"content": self.first})))
        return [*steps, ("wait", self.open), *say(*self.rest)[1:]]

    @property
    def text(self) -> str:
        return self.first + "".join(self.rest)


@pytest.fixture
def gate(paced):
    """The upstream stops in mid-stream until gate.open.set()."""
    made = Gate()
    paced.fake.script = made
    yield made
    made.open.set()
