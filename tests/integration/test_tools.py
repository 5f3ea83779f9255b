"""Tools pass through to an upstream that has them, and its tool calls come back piece by piece."""

import json

import pytest
from harness.upstream import delta_event, usage_event
from openai import OpenAI

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
MESSAGES = [{"role": "user", "content": "Weather in Oslo and Rome?"}]


def call(index, **function):
    rest = {key: function.pop(key) for key in ("id", "type") if key in function}
    return ("event", delta_event({"tool_calls": [{"index": index, "function": function} | rest]}))


def two_calls(body):
    return [
        ("event", delta_event({"role": "assistant", "content": None})),
        call(0, id="call_a", type="function", name="weather", arguments=""),
        call(0, arguments='{"ci'),
        call(0, arguments='ty":"Oslo"}'),
        call(1, id="call_b", type="function", name="weather", arguments=""),
        call(1, arguments='{"city":"Rome"}'),
        ("event", delta_event({}, "tool_calls")),
        ("event", usage_event(11, 7)),
        ("event", "[DONE]"),
    ]


@pytest.fixture
def client(paced):
    with OpenAI(base_url=paced.url + "/v1", api_key=paced.key, max_retries=0) as made:
        yield made


def test_tool_calls_of_a_whole_answer(paced, client):
    paced.fake.script = two_calls
    answer = client.chat.completions.create(
        model="auto", messages=MESSAGES, tools=TOOLS, tool_choice="required"
    )
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = [
        (c.id, c.type, c.function.name, c.function.arguments) for c in choice.message.tool_calls
    ]
    assert calls == [
        ("call_a", "function", "weather", '{"city":"Oslo"}'),
        ("call_b", "function", "weather", '{"city":"Rome"}'),
    ]
    assert choice.message.content is None
    assert answer.usage.prompt_tokens == 11 and answer.usage.completion_tokens == 7
    asked = paced.fake.bodies[0]
    assert asked["tools"] == TOOLS and asked["tool_choice"] == "required"
    assert asked["model"] == "tiny-upstream"


def test_tool_calls_of_a_stream(paced, client):
    paced.fake.script = two_calls
    names, arguments, finish = {}, {}, None
    for part in client.chat.completions.create(
        model="auto", messages=MESSAGES, tools=TOOLS, stream=True
    ):
        for piece in part.choices[0].delta.tool_calls or ():
            names[piece.index] = piece.function.name or names.get(piece.index)
            old = arguments.get(piece.index, "")
            arguments[piece.index] = old + (piece.function.arguments or "")
        finish = part.choices[0].finish_reason or finish
    assert finish == "tool_calls"
    assert names == {0: "weather", 1: "weather"}
    assert [json.loads(arguments[i])["city"] for i in (0, 1)] == ["Oslo", "Rome"]


def test_tool_turns_reach_the_upstream_as_they_are(paced, client):
    turns = [
        *MESSAGES,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_a", "type": "function",
                 "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_a", "content": "4 degrees, rain"},
    ]  # fmt: skip
    answer = client.chat.completions.create(model="auto", messages=turns, tools=TOOLS)
    assert answer.choices[0].message.content.strip() == "4 degrees, rain"
    assert paced.fake.bodies[0]["messages"] == turns


def test_what_stands_in_tool_arguments_is_classified_too(paced, client):
    """A card number in a tool's result keeps the request inside."""
    turns = [
        *MESSAGES,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c", "type": "function",
                 "function": {"name": "pay", "arguments": '{"card":"4111 1111 1111 1111"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "paid"},
    ]  # fmt: skip
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=turns, max_tokens=4
    )
    assert raw.headers["x-sluice-class"] == "private"
    assert not paced.fake.bodies
