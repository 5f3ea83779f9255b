"""Which key and nonce sealed which bytes: one GCM pair must never meet two of them.

The derived key follows from (kid, salt, type, class), where the salt is ce_salt or, on chunks,
ce_run; the nonce is ce_seq or 0 (schemas/envelope.md). A record that is sent again, parked or
redriven is the same bytes, so it is no second text."""

import hashlib
from collections import defaultdict
from typing import NamedTuple

from harness import Record


class Pair(NamedTuple):
    kid: str
    salt: str
    type: str
    cls: str
    nonce: int


def pair_of(record: Record) -> Pair | None:
    """None: it is plain. Read from the headers alone, so from damaged and foreign ones too."""
    kid = record.header("ce_kid")
    if kid is None:
        return None
    kind = record.header("ce_type")
    salt = record.header("ce_run") if kind == "io.sluice.chunk.v1" else record.header("ce_salt")
    cls = "public" if record.topic.startswith("llm.public.") else "private"
    return Pair(kid, salt, kind, cls, int(record.header("ce_seq") or 0))


class Nonces:
    """Every pair that was seen, and the distinct ciphertexts under it."""

    def __init__(self):
        self.places: dict[Pair, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self.records = 0

    def add(self, records) -> "Nonces":
        for record in records:
            pair = pair_of(record)
            if pair is None:
                continue
            self.records += 1
            value = hashlib.sha256(record.value or b"").hexdigest()
            self.places[pair][value].append(str(record))
        return self

    def repeated(self) -> dict[Pair, dict[str, list[str]]]:
        """Pairs that met two texts: there must be none."""
        return {pair: dict(seen) for pair, seen in self.places.items() if len(seen) > 1}

    def copies(self) -> int:
        """Records whose very bytes stand elsewhere too: redriven, parked, sent again."""
        return sum(len(at) - 1 for seen in self.places.values() for at in seen.values())
