"""The official openai client against the gateway, and against a worker in HTTP mode."""

import asyncio

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

STREAMS = 200
HELLO = [{"role": "user", "content": "What is a sluice?"}]
SECRET = [{"role": "user", "content": "Confidential: the merger closes in May."}]


@pytest.fixture
def client(system):
    with OpenAI(base_url=system.url + "/v1", api_key=system.key, max_retries=0) as made:
        yield made


def joined(parts):
    return "".join(p.choices[0].delta.content or "" for p in parts if p.choices)


@pytest.mark.parametrize("messages, cls", [(HELLO, "public"), (SECRET, "private")])
def test_whole(client, messages, cls):
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=messages, max_tokens=12, seed=7
    )
    answer = raw.parse()
    assert raw.headers["x-sluice-class"] == cls
    assert raw.headers["x-request-id"] in answer.id
    assert answer.object == "chat.completion" and answer.model == raw.headers["x-sluice-model"]
    (choice,) = answer.choices
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert 0 < usage.completion_tokens <= 12 and usage.prompt_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@pytest.mark.parametrize("messages", [HELLO, SECRET])
def test_stream_gives_the_same_text(client, messages):
    settings = {"model": "auto", "messages": messages, "max_tokens": 40, "seed": 7}
    whole = client.chat.completions.create(**settings)
    parts = list(client.chat.completions.create(**settings, stream=True))
    assert joined(parts) == whole.choices[0].message.content
    assert parts[0].choices[0].delta.role == "assistant"
    finishes = [p.choices[0].finish_reason for p in parts]
    assert finishes[:-1] == [None] * (len(parts) - 1)
    assert finishes[-1] == whole.choices[0].finish_reason
    assert len({p.id for p in parts}) == 1 and len({p.model for p in parts}) == 1
    assert all(p.usage is None for p in parts)


def test_include_usage(client):
    parts = list(
        client.chat.completions.create(
            model="auto", messages=HELLO, max_tokens=8, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    *before, last = parts
    assert all(p.usage is None and p.choices for p in before)
    assert last.choices == [] and 0 < last.usage.completion_tokens <= 8


def test_stop_and_limits(client):
    settings = {"model": "auto", "messages": SECRET, "seed": 3, "max_tokens": 30}
    text = client.chat.completions.create(**settings).choices[0].message.content
    word = text.split()[2]
    cut = client.chat.completions.create(**settings, stop=[word])
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content == text[: text.index(word)]


def test_async(system):
    async def both():
        async with AsyncOpenAI(base_url=system.url + "/v1", api_key=system.key) as client:
            settings = {"model": "auto", "messages": HELLO, "max_tokens": 20, "seed": 5}
            whole = await client.chat.completions.create(**settings)
            stream = await client.chat.completions.create(**settings, stream=True)
            return whole, [part async for part in stream]

    whole, parts = asyncio.run(both())
    assert joined(parts) == whole.choices[0].message.content != ""


def test_completions(client):
    answer = client.completions.create(model="auto", prompt="A sluice is", max_tokens=6, seed=1)
    assert answer.object == "text_completion" and answer.choices[0].text
    parts = list(
        client.completions.create(
            model="auto", prompt="A sluice is", max_tokens=6, seed=1, stream=True
        )
    )
    assert "".join(p.choices[0].text for p in parts if p.choices) == answer.choices[0].text


def test_models(client):
    assert [m.id for m in client.models.list()] == ["auto", "tiny", "tiny-cloud"]


def test_a_sensitive_request_for_a_public_model_stays_inside(client):
    raw = client.chat.completions.with_raw_response.create(
        model="tiny-cloud", messages=SECRET, max_tokens=4
    )
    assert raw.headers["x-sluice-class"] == "private"
    assert raw.headers["x-sluice-rerouted"] == "true"
    assert raw.parse().model == "tiny"


@pytest.mark.parametrize(
    "change, expected, code",
    [
        ({"messages": []}, openai.BadRequestError, "empty_array"),
        ({"n": 2}, openai.BadRequestError, "unsupported_value"),
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found"),
        ({"extra_body": {"sideways": 1}}, openai.BadRequestError, "unknown_parameter"),
    ],
)
def test_errors_are_the_client_s_classes(client, change, expected, code):
    with pytest.raises(expected) as caught:
        client.chat.completions.create(**({"model": "auto", "messages": HELLO} | change))
    assert caught.value.code == code
    assert caught.value.body["message"] and caught.value.body["type"] == "invalid_request_error"


def test_keys(system, client):
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-sluice-wrong").models.list()
    auditor = system.make_key("acme", "auditor")

    def denied():
        try:
            client.with_options(api_key=auditor).models.list()
        except openai.PermissionDeniedError as problem:
            return problem
        except openai.AuthenticationError:
            return None  # the gateway has not read the file again yet

    from harness import until

    assert until(denied, "the new key is known").code == "role_not_allowed"


def test_200_streams_at_once_end_complete(system):
    """Both classes by turns; each stream has its finish and its text is that of its seed alone."""

    async def one(client, i):
        messages = HELLO if i % 2 else SECRET
        stream = await client.chat.completions.create(
            model="auto", messages=messages, max_tokens=24, seed=i % 10, stream=True
        )
        text, finish = "", None
        async for part in stream:
            text += part.choices[0].delta.content or ""
            finish = part.choices[0].finish_reason or finish
        return i % 10, text, finish

    async def many():
        async with AsyncOpenAI(
            base_url=system.url + "/v1", api_key=system.key, max_retries=0, timeout=120
        ) as client:
            return await asyncio.gather(*(one(client, i) for i in range(STREAMS)))

    answers = asyncio.run(many())
    assert len(answers) == STREAMS
    assert all(finish in ("stop", "length") and text for _, text, finish in answers)
    assert len({(seed, text) for seed, text, _ in answers}) == 10


# ---- one process, one model, no Kafka ----


@pytest.fixture
def local(system):
    url = f"http://127.0.0.1:{system.upstream.health}/v1"
    with OpenAI(base_url=url, api_key="unused", max_retries=0) as made:
        yield made


def test_worker_in_http_mode(local):
    (model,) = local.models.list()
    settings = {"model": model.id, "messages": HELLO, "max_tokens": 30, "seed": 4}
    whole = local.chat.completions.create(**settings)
    assert whole.usage.completion_tokens <= 30
    parts = list(local.chat.completions.create(**settings, stream=True))
    assert joined(parts) == whole.choices[0].message.content != ""
    text = (
        local.completions.create(model=model.id, prompt="A sluice", max_tokens=5).choices[0].text
    )
    assert text


def test_worker_in_http_mode_errors(local):
    with pytest.raises(openai.NotFoundError):
        local.chat.completions.create(model="gpt-9", messages=HELLO)
    with pytest.raises(openai.BadRequestError):
        local.chat.completions.create(model="tiny-upstream", messages=[])
    with pytest.raises(openai.BadRequestError):
        too_long = [{"role": "user", "content": "word " * 20_000}]
        local.chat.completions.create(model="tiny-upstream", messages=too_long)
