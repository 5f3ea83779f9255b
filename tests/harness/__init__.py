"""A whole Sluice on a real broker, for the tests of the running system (integration and faults).

    with Broker.session() ...        one broker, see the `broker` fixture in tests/conftest.py
    system = Sluice(folder, broker)  folders, keys, policy, configurations; then .start()
    system.gateway / .private / .public / .upstream   daemons: kill, freeze, thaw, stop, start
    books = system.books()           what the client itself saw, to compare with Kafka and the audit
    records = system.records()       every record of every topic, verified and decrypted

Nothing here sleeps for a fixed time: every wait is for an event and has a deadline (wait.until).
"""

from .books import Books, Entry
from .broker import Broker
from .daemon import Daemon, DaemonError, SanitizerReport
from .paths import BIN, FLAVOR, MODEL, ROOT
from .raw import Raw, RawAnswer
from .records import Record, Records
from .system import Sluice
from .upstream import FakeUpstream
from .wait import Timeout, until

__all__ = [
    "BIN",
    "FLAVOR",
    "MODEL",
    "ROOT",
    "Books",
    "Broker",
    "Daemon",
    "DaemonError",
    "Entry",
    "FakeUpstream",
    "Raw",
    "RawAnswer",
    "Record",
    "Records",
    "SanitizerReport",
    "Sluice",
    "Timeout",
    "until",
]
