"""keyring.json: [{kid, class, key (base64, 32 bytes), not_before, not_after}]."""

import base64
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    kid: str
    cls: str
    key: bytes


class Keyring:
    """Every key decrypts, in or out of its time: records are read long after they were written."""

    def __init__(self, keys=()):
        self._keys = {key.kid: key for key in keys}

    @classmethod
    def from_json(cls, rows):
        return cls(
            Key(row["kid"], row["class"], base64.b64decode(row["key"], validate=True))
            for row in rows
        )

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls.from_json(json.load(file))

    def find(self, kid):
        return self._keys.get(kid)
