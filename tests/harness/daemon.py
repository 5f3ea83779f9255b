"""One daemon: started with its configuration, signalled by pid, its log and reports kept."""

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path

from .metrics import Metrics
from .paths import BIN, FLAVOR, PATIENCE, prefix, sanitizer_env
from .wait import until

# On exit a sanitizer changes the status; these are the words of its reports on stderr too.
REPORT_WORDS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                "WARNING: ThreadSanitizer")  # fmt: skip


class DaemonError(AssertionError):
    pass


class SanitizerReport(AssertionError):
    pass


class Daemon:
    """`health` is the port that answers /health/readiness and /metrics."""

    def __init__(self, name: str, program: str, config: Path, health: int, folder: Path,
                 args: tuple[str, ...] = (), env: dict[str, str] | None = None,
                 wrap: tuple[str, ...] = ()):  # fmt: skip
        self.name = name
        self.wrap = wrap  # in front of the command, which must replace itself with the program
        self.program = program
        self.config = config
        self.health = health
        self.args = args
        self.env = env or {}
        self.log = folder / f"{name}.log"
        self.reports = folder / f"{name}-reports"
        self.process: subprocess.Popen | None = None
        self.starts = 0
        self._frozen = False

    # ---- life ----

    def start(self, wait: bool = True) -> "Daemon":
        if self.running():
            return self
        self.reports.mkdir(parents=True, exist_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        program = [*prefix(), str(BIN / self.program), "--config", str(self.config)]
        command = [*self.wrap, *program, *self.args]
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                command, env=clean | sanitizer_env(self.reports) | self.env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.starts += 1
        self._frozen = False
        if wait:
            self.wait_ready()
        return self

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    def _signal(self, number: int) -> None:
        if self.running():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, and waits until the process has gone."""
        self._signal(signal.SIGKILL)
        self.wait_gone(10)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self._frozen = False

    def hup(self) -> None:
        self._signal(signal.SIGHUP)

    def term(self) -> None:
        """SIGTERM without waiting: the drain begins."""
        self._signal(signal.SIGTERM)

    def wait_gone(self, seconds: float = 40) -> int:
        assert self.process is not None
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise DaemonError(
                f"{self.name} did not end within {seconds} s; log: {self.log}"
            ) from None

    def stop(self, seconds: float = 40) -> int:
        """SIGTERM and wait; kills what does not end and says so. Returns the exit status."""
        if not self.running():
            return self.process.returncode if self.process else 0
        if self._frozen:
            self.thaw()
        self.term()
        try:
            return self.wait_gone(seconds)
        except DaemonError:
            self.kill()
            raise

    # ---- looking at it ----

    def get(self, path: str, seconds: float = 2) -> tuple[int, str]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.health, timeout=seconds * PATIENCE
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as problem:
            raise ConnectionError(str(problem)) from problem
        finally:
            connection.close()

    def metrics(self) -> Metrics:
        status, text = self.get("/metrics", 5)
        assert status == 200, text
        return Metrics(text)

    def ready(self) -> bool:
        if not self.running():
            raise DaemonError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
        return self.get("/health/readiness")[0] == 200

    def wait_ready(self, seconds: float = 30) -> None:
        until(self.ready, f"{self.name} is ready; log: {self.log}", seconds)

    def tail(self, lines: int = 20) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def events(self, *names: str) -> list[dict]:
        """Log lines (JSON) whose event is one of `names`; all lines without names."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if not names or row.get("event") in names:
                found.append(row)
        return found

    def check_reports(self) -> None:
        """Raises SanitizerReport when a sanitizer said anything, or the process died of a signal
        that no test sent."""
        texts = [f.read_text(errors="replace") for f in sorted(self.reports.glob("report*"))]
        if self.log.exists():
            log = self.log.read_text(errors="replace")
            texts += [log] if any(word in log for word in REPORT_WORDS) else []
        if texts:
            raise SanitizerReport(
                f"{self.name} ({FLAVOR}):\n" + "\n".join(t[-4000:] for t in texts)
            )
        status = self.process.poll() if self.process else None
        if status is not None and status < 0 and -status not in (signal.SIGKILL, signal.SIGTERM):
            raise DaemonError(
                f"{self.name} died of {signal.Signals(-status).name}:\n{self.tail()}"
            )
