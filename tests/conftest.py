"""What the tests of the running system share: the harness on the path, one broker a session."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
for folder in (TESTS, TESTS / "integration"):  # harness; sluice_reader
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A broker for the whole session; tests that kill brokers make their own."""
    from harness import Broker

    made = Broker(tmp_path_factory.mktemp("kafka"))
    made.start()
    yield made
    made.stop()
