"""The documents under schemas/ are valid and agree with the tables of the C sources."""

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
OPENAPI = yaml.safe_load((SCHEMAS / "openapi.yaml").read_text(encoding="utf-8"))
ASYNCAPI = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
JSON_SCHEMAS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (SCHEMAS / "json").glob("*.json")
}


def resolve(document, ref):
    assert ref.startswith("#/"), ref
    node = document
    for step in ref[2:].split("/"):
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def accepts(schema, document):
    """Whether an OpenAPI component takes a document; references go into all of openapi.yaml."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/components/schemas/{schema}",
        "components": OPENAPI["components"],
    }
    return jsonschema.Draft202012Validator(whole).is_valid(document)


def test_openapi_is_valid():
    OpenAPIV31SpecValidator(OPENAPI).validate()


def test_openapi_lists_every_path_and_header():
    assert set(OPENAPI["paths"]) == {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/health",
        "/health/readiness",
        "/metrics",
        "/admin/keys",
        "/admin/policy",
        "/admin/reload",
    }
    for path in ("/v1/chat/completions", "/v1/completions"):
        operation = OPENAPI["paths"][path]["post"]
        assert set(operation["responses"]["200"]["headers"]) >= {
            "x-sluice-class",
            "x-sluice-level",
            "x-sluice-reasons",
            "x-sluice-policy",
            "x-sluice-model",
            "x-request-id",
            "x-client-request-id",
        }
        assert {resolve(OPENAPI, p["$ref"])["name"] for p in operation["parameters"]} >= {
            "Idempotency-Key",
            "x-client-request-id",
        }
        assert set(operation["responses"]) >= {
            "400",
            "401",
            "403",
            "404",
            "413",
            "422",
            "429",
            "503",
            "504",
        }


def taken_parameters(kind):
    """The rows of chat_params.c that take a value for this kind."""
    source = (SCHEMAS / "chat_params.c").read_text(encoding="utf-8")
    rows = re.findall(r'^    \{"(\w+)", (true|false), (true|false), (\w+),', source, re.M)
    assert len(rows) > 35
    return {
        name
        for name, chat, completion, reader in rows
        if (chat if kind == "chat" else completion) == "true" and reader != "read_never"
    }


@pytest.mark.parametrize(
    "kind, schema", [("chat", "ChatRequest"), ("completion", "CompletionRequest")]
)
def test_openapi_parameters_are_those_of_the_parser(kind, schema):
    components = OPENAPI["components"]["schemas"]
    listed = set(components[schema]["properties"]) | set(components["Sampling"]["properties"])
    if kind == "completion":
        listed.remove("logprobs")  # listed to say that only null is taken
    assert listed == taken_parameters(kind)


@pytest.mark.parametrize(
    "taken, change",
    [
        (True, {}),
        (True, {"temperature": 2, "stop": ["a"], "seed": 7, "n": 1, "tools": None}),
        (
            True,
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {
                                "id": "1",
                                "type": "function",
                                "function": {"name": "f", "arguments": "{}"},
                            }
                        ],
                    }
                ]
            },
        ),
        (False, {"temperature": 2.5}),
        (False, {"n": 2}),
        (False, {"messages": []}),
        (False, {"logprobs": True}),
        (False, {"made_up": 1}),
    ],
)
def test_openapi_chat_request(taken, change):
    assert (
        accepts("ChatRequest", {"messages": [{"role": "user", "content": "hi"}], **change})
        is taken
    )


COMPARED = r'assert_string_equal\(\s*b\.data,\s*"'


def c_strings(test, pattern):
    """Documents that a C unit test compares to the byte, so that schemas stay true to the code."""
    source = (ROOT / "tests/unit/schemas" / test).read_text(encoding="utf-8")
    joined = re.sub(r'"\s*\n\s*"', "", source)
    joined = re.sub(r"\\x[0-9a-f]{2}", "?", joined)
    return [
        json.loads(json.loads(f'"{text}"')) for text in re.findall(COMPARED + pattern, joined)
    ]


def test_answers_of_the_code_fit_openapi():
    whole = c_strings("answer_test.c", r'(\{\\"id\\".*?\})"\);')
    events = c_strings("answer_test.c", r'data: (\{\\"id\\".*?\})\\n\\n"\);')
    assert len(whole) == 2 and len(events) == 3
    names = {
        "chat.completion": "ChatAnswer",
        "chat.completion.chunk": "ChatChunk",
        "text_completion": "CompletionAnswer",
    }
    for document in whole + events:
        assert accepts(names[document["object"]], document), document
    assert accepts("Error", {"error": {"message": "m", "type": "t", "param": None, "code": None}})


@pytest.mark.parametrize("name", sorted(JSON_SCHEMAS))
def test_json_schema_is_valid(name):
    jsonschema.Draft202012Validator.check_schema(JSON_SCHEMAS[name])


def test_bodies_of_the_code_fit_the_json_schemas():
    validate = {
        name: jsonschema.Draft202012Validator(schema).validate
        for name, schema in JSON_SCHEMAS.items()
    }
    chunks = c_strings("answer_test.c", r'(\{\\"(?:choices|usage)\\".*?\})"\);')
    assert len(chunks) == 2
    for document in chunks:
        validate["chunk"](document)
    audits = c_strings("audit_test.c", r'(\{\\"event\\".*?\})"\);')
    assert len(audits) == 1
    validate["audit"](audits[0])
    validate["presence"](
        {
            "instance": "w0",
            "models": ["a"],
            "slots": 4,
            "active": 1,
            "queued": 0,
            "draining": False,
            "env": "e",
            "interval_ms": 2000,
        }
    )
    for name, bad in [
        ("chunk", {"choices": [{}, {}]}),
        ("audit", {"event": "born"}),
        ("presence", {"instance": ""}),
        ("policy", {"event": "policy"}),
        ("control", []),
    ]:
        with pytest.raises(jsonschema.ValidationError):
            validate[name](bad)


def test_asyncapi_structure():
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    for ref in references(ASYNCAPI):
        if ref.startswith("./"):
            assert (SCHEMAS / ref).is_file(), ref
        else:
            resolve(ASYNCAPI, ref)
    for name, operation in ASYNCAPI["operations"].items():
        channel = operation["channel"]["$ref"]
        assert operation["action"] in ("send", "receive"), name
        assert all(
            m["$ref"].startswith(channel + "/messages/") for m in operation["messages"]
        ), name
        reply = operation.get("reply", {})
        if "address" in reply:  # the address comes with the message, so the channel has none
            assert resolve(ASYNCAPI, reply["channel"]["$ref"])["address"] is None, name
    for name, channel in ASYNCAPI["channels"].items():
        placeholders = set(re.findall(r"\{(\w+)\}", channel["address"] or ""))
        assert placeholders == set(channel.get("parameters", {})), name


def test_asyncapi_lists_the_topics_and_types_of_the_code():
    source = (SCHEMAS / "types.c").read_text(encoding="utf-8") + (SCHEMAS / "types.h").read_text(
        encoding="utf-8"
    )
    topics = set(re.findall(r'"(llm\.[a-z.-]+\.v1)"', source))
    listed = set()
    for channel in ASYNCAPI["channels"].values():
        address = channel["address"] or ""
        listed |= (
            {address.replace("{class}", cls) for cls in ("private", "public")}
            if "{class}" in address
            else {address}
        )
    assert topics <= listed
    types = set(re.findall(r'"(io\.sluice\.[a-z]+\.v1)"', source))
    assert types == set(
        ASYNCAPI["components"]["schemas"]["commonHeaders"]["properties"]["ce_type"]["enum"]
    )


def test_asyncapi_lists_the_headers_of_the_code():
    source = (SCHEMAS / "envelope_headers.c").read_text(encoding="utf-8")
    names = set(re.findall(r'NAME\("([a-z_-]+)"\)', source))
    assert len(names) > 25
    listed = set()
    for name, schema in ASYNCAPI["components"]["schemas"].items():
        if name not in ("ingressHeaders", "deadLetterHeaders"):
            listed |= set(schema["properties"])
    assert listed == names
    page = (SCHEMAS / "envelope.md").read_text(encoding="utf-8")
    for name in names | {"ce_dlqchecksum", "__dlq.errors.code"}:
        assert f"`{name}`" in page, name


def test_asyncapi_against_the_official_schema():
    path = os.environ.get("SLUICE_ASYNCAPI_SCHEMA")
    if not path:
        pytest.skip(
            "SLUICE_ASYNCAPI_SCHEMA (3.0.0.json of the npm package @asyncapi/specs) is not set"
        )
    schema = json.loads(Path(path).read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(ASYNCAPI)
