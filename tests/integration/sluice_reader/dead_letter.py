"""Dead letters: the record as it was, plus __dlq.errors.* and ce_dlqchecksum over all of it."""

import struct

import xxhash

from .envelope import EnvelopeError, headers_list

NAME = b"ce_dlqchecksum"


def _piece(value):
    if value is None:
        return b"\xff" * 8
    if isinstance(value, str):
        value = value.encode()
    return struct.pack(">Q", len(value)) + value


def dead_letter_checksum(headers, key, value):
    state = xxhash.xxh3_128(_piece(key) + _piece(value))
    for name, text in headers_list(headers):
        if name != NAME:
            state.update(_piece(name) + _piece(text))
    return state.hexdigest()


def verify_dead_letter(headers, key, value):
    given = [text for name, text in headers_list(headers) if name == NAME]
    if not given:
        raise EnvelopeError("malformed", "no ce_dlqchecksum: not a dead letter")
    computed = dead_letter_checksum(headers, key, value)
    if given[-1] != computed.encode():
        raise EnvelopeError("corrupt", f"the dead letter was altered: its checksum is {computed}")
    return computed
