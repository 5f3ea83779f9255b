"""One system with a broker of its own; each test leaves it whole."""

import pytest

from harness import Broker, Sluice

DEADLINE_MS = 60_000


@pytest.fixture(scope="session")
def system(tmp_path_factory):
    """Two private workers, one public worker, an upstream of its own, one gateway."""
    made = Broker(tmp_path_factory.mktemp("kafka")).start()
    config = {"gateway": {"limits": {"deadline_ms": DEADLINE_MS}}}
    try:
        with Sluice(
            tmp_path_factory.mktemp("system"), made, privates=2, config=config
        ) as running:
            yield running
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def left_whole(request):
    """A test that failed half-way leaves nothing dead or frozen for those that come after it."""
    yield
    if "system" not in request.fixturenames:
        return
    running = request.getfixturevalue("system")
    if not running.broker.running():
        running.broker.start()
    for daemon in running.daemons:
        daemon.thaw()
        daemon.start()
