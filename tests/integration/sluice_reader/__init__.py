"""Reads Sluice's Kafka records from the text of schemas/envelope.md alone, without Sluice's code.

A second opinion: whoever doubts the C side checks its records with this. Records are plain tuples,
headers are lists of (name, value) with str or bytes names and bytes or None values, as
confluent-kafka and kafka-python hand them out.
"""

from .dead_letter import dead_letter_checksum, verify_dead_letter
from .envelope import (
    Envelope,
    EnvelopeError,
    canonical_headers,
    checksum,
    decode,
    headers_list,
    verify,
)
from .keyring import Key, Keyring
from .run import Run, RunError, check_run, run_digest

__all__ = [
    "Envelope",
    "EnvelopeError",
    "Key",
    "Keyring",
    "Run",
    "RunError",
    "canonical_headers",
    "check_run",
    "checksum",
    "dead_letter_checksum",
    "decode",
    "headers_list",
    "run_digest",
    "verify",
    "verify_dead_letter",
]
