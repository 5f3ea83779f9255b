#!/usr/bin/env python3
"""What became of a request that was produced onto an ingress topic: show_egress.py FILE.

Standard input is its record of llm.egress.v1 and FILE holds records of the audit topics, all as
kcat's `%h\\t%s` gives them: headers, tab, body. Prints what `sluice send --explain` prints.
"""

import json
import sys
from datetime import datetime
from pathlib import Path


def read(line: str) -> tuple[dict[str, str], dict]:
    """The headers and the JSON body of one record."""
    headers, _, body = line.partition("\t")
    return dict(pair.partition("=")[::2] for pair in headers.split(",")), json.loads(body)


def audit_of(path: Path, request: str) -> list[tuple[dict[str, str], dict]]:
    """The audit records of one request in the order of their events."""
    found = []
    for line in path.read_text().splitlines():
        if f"ce_subject={request}" in line:
            found.append(read(line))
    return sorted(found, key=lambda record: when(record[0], record[1]))


def when(headers: dict[str, str], body: dict) -> float:
    """Seconds (Unix): when it happened, else when it was written."""
    text = body.get("time") or headers["ce_time"]
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()


def row(label: str, text: object) -> None:
    print(f"   {label:9} {text}")


def main() -> int:
    headers, answer = read(sys.stdin.read().strip())
    request = headers["ce_subject"]
    hops = audit_of(Path(sys.argv[1]), request)
    decided = next((body for _, body in hops if body.get("event") == "decided"), {})
    row("id", f"{request}  (asked as {headers.get('ce_correlationid', '')})")
    row("class", decided.get("class", "?"))
    row("level", decided.get("level", "?"))
    row("reasons", json.dumps(decided.get("reasons", [])))
    row("model", answer.get("model", ""))
    if "error" in answer:
        row("error", answer["error"].get("message", ""))
    else:
        row("answer", answer["choices"][0]["message"]["content"])
    for hop_headers, body in hops:
        offset_ms = (when(hop_headers, body) - when(*hops[0])) * 1000
        row("hop", f"{offset_ms:+10.1f} ms  {body.get('event', ''):10} {hop_headers['ce_source']}")
    row("checksum", f"{headers.get('ce_checksum', '')}, checked by the audit below")
    return 0


if __name__ == "__main__":
    sys.exit(main())
