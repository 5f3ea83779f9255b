"""Reads the Prometheus text format."""

import re

LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    def __init__(self, text: str):
        self.rows: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = LINE.match(line)
            assert match, f"not a metric: {line!r}"
            labels = dict(LABEL.findall(match[2] or ""))
            self.rows.append((match[1], labels, float(match[3])))

    def value(self, name: str, **labels: str) -> float:
        """Sum of the rows of this name that have these labels; an unknown name is an error."""
        assert any(row[0] == name for row in self.rows), f"no metric {name}"
        wanted = labels.items()
        return sum(v for n, have, v in self.rows if n == name and wanted <= have.items())
