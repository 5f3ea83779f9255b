"""What a stage of `make test` comes to: counts, or a failure with its log."""

from dataclasses import dataclass
from pathlib import Path

LOG_LINES_SHOWN = 60


@dataclass(frozen=True)
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""  # why nothing ran

    def __add__(self, other: "Result") -> "Result":
        return Result(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def line(self) -> str:
        """The closing line, which test runners and people look for."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"

    def text(self) -> str:
        return self.note or (self.line() if self != Result() else "")


class Failure(Exception):
    """A stage failed: what, the log to look at, and the counts so far (at least one failed)."""

    def __init__(self, what: str, log: Path | None = None, result: Result = Result(failed=1)):
        super().__init__(what)
        self.log = log
        self.result = result

    def report(self) -> str:
        text = f"   {self}"
        if self.log and self.log.exists():
            lines = self.log.read_text(errors="replace").splitlines()
            shown = lines[-LOG_LINES_SHOWN:]
            text += f"\n   {self.log} ends:\n" + "\n".join(f"   | {line}" for line in shown)
        return text
