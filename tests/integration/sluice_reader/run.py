"""A run: chunk records with one ce_run; the end record says how many there are and their digest."""

from dataclasses import dataclass

import xxhash

from .envelope import CHUNK


class RunError(Exception):
    pass


@dataclass(frozen=True)
class Run:
    subject: str
    run: str
    end: str
    count: int


def run_digest(checksums):
    """XXH3-128 of the checksum texts in order."""
    state = xxhash.xxh3_128()
    for text in checksums:
        state.update(text.encode())
    return state.hexdigest()


def check_run(envelopes):
    """The records of one run, in any order, with the end record. RunError says what is wrong."""
    if not envelopes:
        raise RunError("no records")
    if any(e.type != CHUNK for e in envelopes):
        raise RunError("a record is not a chunk")
    if len({(e.subject, e.headers["run"], e.headers["requestchecksum"]) for e in envelopes}) != 1:
        raise RunError("records of several runs")
    by_seq = {}
    for e in envelopes:
        seq = int(e.headers["seq"])
        if seq in by_seq and by_seq[seq].checksum != e.checksum:
            raise RunError(f"sequence number {seq} stands twice with different records")
        by_seq[seq] = e  # the same bytes twice is a resend
    order = [by_seq[seq] for seq in sorted(by_seq)]
    if sorted(by_seq) != list(range(len(order))):
        raise RunError("a sequence number is missing")
    last = order[-1]
    if any("fin" in e.headers for e in order[:-1]) or "fin" not in last.headers:
        raise RunError("the end record is missing or not the last")
    if int(last.headers["count"]) != len(order) - 1:
        raise RunError("the end record counts other records")
    if run_digest(e.checksum for e in order[:-1]) != last.headers["digest"]:
        raise RunError("the digest does not match")
    return Run(last.subject, last.headers["run"], last.headers["end"], len(order) - 1)
