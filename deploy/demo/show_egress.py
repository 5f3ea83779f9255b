#!/usr/bin/env python3
"""Prints one record of llm.egress.v1 as kcat's `%h\\t%s` gives it: headers, tab, answer."""

import json
import sys


def main() -> int:
    headers_text, _, body = sys.stdin.read().strip().partition("\t")
    headers = dict(pair.partition("=")[::2] for pair in headers_text.split(","))
    answer = json.loads(body)
    rows = {
        "id": headers.get("ce_subject", ""),
        "asked as": headers.get("ce_correlationid", ""),
        "model": answer.get("model", ""),
        "checksum": headers.get("ce_checksum", ""),
    }
    if "error" in answer:
        rows["error"] = answer["error"].get("message", "")
    else:
        rows["answer"] = answer["choices"][0]["message"]["content"]
    for label, text in rows.items():
        print(f"   {label:9} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
