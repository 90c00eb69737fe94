"""What a team file says of a server: every wrong thing is named, and nothing said changes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines.server.request import NEUTRAL, RequestBuilder
from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.store import request_key
from mlpo_bench.teams import Member, ModelSpec, Team, read_team


URL = "http://127.0.0.1:8000/v1"


def test_a_team_file_that_says_nothing_of_it_is_what_it_was() -> None:
    told = Member(model="m", base_url=URL).model_dump(mode="json")
    assert told == {
        "model": "m",
        "revision": None,
        "engine": "auto",
        "dtype": "auto",
        "context": None,
        "base_url": URL,
        "api_key_env": "OPENAI_API_KEY",
        "concurrency": 64,
        "trust_remote_code": False,
        "sampling": {"temperature": None, "top_p": None, "top_k": None, "max_tokens": None},
        "persona": None,
    }


def test_digests_and_keys_are_what_they_were_before_there_were_options() -> None:
    team = Team(leader=Member(model="m", base_url=URL), peers=(Member(model="m", base_url=URL),))
    config = RunConfig.model_validate({"suites": ["bbh"], "teams": {"team": team}, "protocols": ["solo"]})
    assert config.digest == DIGEST
    key = request_key(f"m|{URL} m|unknown|openai", [Message("user", "Why?")], Sampling(), 1, 2)
    assert key.hex() == KEY


DIGEST = "701ac2f04cedad4891896310ca59a3f770115608c724e82f572c53c9b31e730e"
KEY = "ee80eb63b468fdef43f4c92c00ad6c4500260e5329fc300c3ffff8a4d9ab0a9a"


def test_options_come_back_from_a_run_s_configuration(tmp_path: Path) -> None:
    options = {"omit": ["seed"], "extra_body": {"a": [1, {"b": None}]}, "timeout": 5}
    told = {"model": "m", "base_url": URL, "request": options, "deployment": "v2"}
    spec = ModelSpec.model_validate(told)
    assert ModelSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert len({spec, ModelSpec.model_validate(told)}) == 1
    file = tmp_path / "team.yaml"
    file.write_text(f"leader:\n  model: m\n  base_url: {URL}\n  request: {{omit: [seeds]}}\n")
    with pytest.raises(Exception, match=r"team.yaml:4: field 'leader.request.omit.0'"):
        read_team(file)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:secret@host/v1",
        "http://:secret@host/v1",
        "http://user:sec/secret@host/v1",
        "http://user:secret#@host/v1",
        "http:/user:secret@host/v1",
        "user:secret@host/v1",
        "//user:secret@host/v1",
        "ftp://user:secret@host",
        "http://user:secret\uff20host/v1",
        "http://user:secret@[::1/v1",
        "http://user:secret@host:99999/v1",
        ["http://host/v1", "http://user:secret@host/v1"],
    ],
)
def test_no_password_of_an_address_is_repeated(address: object, tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(json.dumps({"leader": {"model": "m", "base_url": address}}))
    with pytest.raises(UsageError, match=r"team.yaml:1: field 'leader.base_url'") as refused:
        read_team(file)
    assert "sec" not in str(refused.value).replace("password", "")


def test_words_of_bodies_that_are_no_keys_are_sent() -> None:
    body = {"prompt_cache_key": "a", "stop_token_ids": [1], "min_tokens": 5, "token": 3, "skip_special_tokens": True}
    spec = ModelSpec.model_validate({"model": "m", "base_url": URL, "request": {"extra_body": body}})
    assert spec.request.extra_body == body


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"base_url": "http://user:secret@127.0.0.1:8000/v1"}, "a user or a password would be written"),
        ({"base_url": "http://user:secret%40127.0.0.1/v1"}, "a user or a password would be written"),
        ({"base_url": "http://host/v1/sk-made-up-secret-0123456789"}, "this address holds a key"),
        ({"api_key_env": "sk-secret-0123456789abcdef"}, "never the key itself"),
        ({"api_key_env": "hf_secretsecretsecretsecret"}, "never the key itself"),
        ({"api_key_env": "MY KEY"}, "names the environment variable"),
        ({"api_key_env": ""}, "names the environment variable"),
        ({"request": {"extra_headers": {"x-mine": "Bearer secret-and-long"}}}, "put it into an environment variable"),
        ({"request": {"extra_query": {"x": "sk-secret-0123456789abcdef"}}}, "put it into an environment variable"),
        ({"request": {"extra_body": {"api_key": "secret"}}}, "this holds a key"),
        ({"request": {"extra_body": {"a": [{"b": "Basic secretsecret"}]}}}, "this holds a key"),
        ({"request": {"chat_template_kwargs": {"password": "secret"}}}, "this holds a key"),
        ({"base_url": "http://[::1"}, "no address of a server"),
        ({"base_url": "http://::1:8000/v1"}, "with [::1] for an address of IPv6"),
        ({"base_url": "http://127.0.0.1:99999/v1"}, "no address of a server"),
        ({"base_url": "127.0.0.1:8000/v1"}, "no address of a server"),
        ({"base_url": "ftp://127.0.0.1/v1"}, "no address of a server"),
        ({"base_url": "http://"}, "no address of a server"),
        ({"base_url": "http://a b/v1"}, "holds characters"),
        ({"base_url": "http://host/v1#part"}, "holds characters"),
        ({"base_url": f"{URL}/chat/completions"}, f"a base_url ends before /chat/completions: {URL}"),
        ({"request": {"extra_body": {"stream": True}}}, "stream cannot be set here"),
        ({"request": {"extra_body": {"a": float("nan")}}}, "what JSON can hold"),
        ({"request": {"extra_body": {"a": 2**70}}}, "what JSON can hold"),
        ({"request": {"extra_headers": {"a": "b\nc"}}}, "is no header of one line"),
        ({"base_url": f"{URL}?api_key=secret"}, "this address holds a key"),
        ({"request": {"extra_headers": {"Authorization": "Bearer secret"}}}, "put it into an environment variable"),
        ({"request": {"extra_query": {"key": "secret"}}}, "let it travel in a header"),
        ({"request": {"timeout": 0}}, "greater than 0"),
        ({"request": {"requests_per_minute": 1e-300}}, "greater than or equal to 0.01"),
        ({"request": {"requests_per_minute": 0}}, "greater than or equal to 0.01"),
        ({"request": {"key_header": "Content-Length"}}, "the HTTP client itself decides"),
        ({"request": {"extra_headers": {"x-\u00e4": "b"}}}, "is no header of one line"),
        ({"request": {"omit": ["stop"], "stop": ["END"]}}, "what stands in `stop` would not be sent"),
        ({"request": {"omit": ["max_tokens"], "max_tokens_field": "max_length"}}, "has nothing to name"),
        ({"request": {"extra_body": {"seed": 5}}}, "extra_body would send another seed"),
        ({"request": {"extra_body": {"max_tokens": 5}}}, "say `omit: [max_tokens]`"),
        (
            {"request": {"extra_body": {"max_length": 5}, "max_tokens_field": "max_length"}},
            "extra_body would send another max_length",
        ),
        ({"request": {"extra_body": {"max_completion_tokens": 5}}}, "another max_completion_tokens than"),
        ({"request": {"extra_body": {"max_new_tokens": 5}, "omit": ["seed"]}}, "say `omit: [max_tokens]`"),
        ({"request": {"extra_body": {"max_tokens": 5}, "max_tokens_field": "max_length"}}, "another max_tokens than"),
        ({"request": {"extra_body": {"stop": ["x"]}}}, "extra_body would send another stop|say `omit: [stop]`"),
        *(
            ({"request": {"extra_body": {name: 1}}}, rf"another {name} than .*; say `sampling: \{{{name}: \.\.\.\}}`")
            for name in ("temperature", "top_p", "top_k", "max_tokens")
        ),
        (
            {"request": {"extra_body": {"max_completion_tokens": 5}}},
            r"say `sampling: \{max_tokens: .*, under `max_tokens_field: max_completion_tokens` in its place",
        ),
        ({"request": {"extra_body": {"seed": 5}}}, "say `seed: ...` in the matrix in its place"),
        ({"request": {"extra_body": {"stop": "x"}}}, r"say `stop: \[\.\.\.\]` beside it in its place"),
        ({"request": {"extra_body": {"n": 3}}}, r"how many answers a vote counts is its `samples: \.\.\.`"),
        ({"request": {"extra_body": {"messages": []}}}, "the member's `persona: ...` is its system message"),
        ({"request": {"extra_body": {"model": "x"}}}, "the member's own `model: ...` says which answers"),
        ({"request": {"template": "x"}}, "applied here"),
        ({"request": {"omit": ["messages"]}}, "omit"),
        ({"revision": "a|b"}, "a word without |"),
        ({"deployment": "a\nb"}, "deployment"),
    ],
)
def test_what_cannot_be_is_a_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSpec(**{"model": "m", "base_url": URL, **more})
    said = caught.value.errors()[0]["msg"] + str(caught.value.errors()[0]["loc"])
    assert any(part in said for part in sentence.split("|")) or re.search(sentence, said)
    assert "secret" not in said


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host", "CONNECTION", "Accept-Encoding"])
def test_a_header_that_the_client_itself_sets_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"the header {name} cannot be set here"):
        ModelSpec.model_validate({"model": "m", "base_url": URL, "request": {"extra_headers": {name: "5"}}})


SPEC = ModelSpec.model_validate(
    {
        "model": "m",
        "base_url": URL,
        "request": {
            "reasoning_effort": "low",
            "frequency_penalty": 0.1,
            "presence_penalty": 0.1,
            "repetition_penalty": 1.1,
            "min_p": 0.1,
            "chat_template_kwargs": {"a": 1},
            "stop": ["END"],
        },
    }
)
SENT = {
    name
    for owner in (None, *NEUTRAL)
    for name in RequestBuilder(SPEC, owner).body([Message("user", "?")], Sampling(top_k=5), 1)
}


@pytest.mark.parametrize("name", sorted({*SENT, "prompt", "stream", "n"} - {"max_tokens"}))
def test_the_greatest_length_takes_no_other_field_s_place(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is sent with something else in it; .*max_completion_tokens"):
        ModelSpec.model_validate({"model": "m", "base_url": URL, "request": {"max_tokens_field": name}})


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens"])
def test_the_greatest_length_travels_under_the_name_that_a_server_gives_it(name: str) -> None:
    spec = ModelSpec.model_validate({"model": "m", "base_url": URL, "request": {"max_tokens_field": name}})
    assert RequestBuilder(spec).body([Message("user", "?")], Sampling(max_tokens=7), 1)[name] == 7


def test_what_is_left_out_may_stand_in_the_body() -> None:
    options = {
        "omit": ["seed", "max_tokens", "temperature"],
        "extra_body": {"seed": 5, "max_completion_tokens": 9, "temperature": 0.5},
    }
    spec = ModelSpec.model_validate({"model": "m", "base_url": URL, "request": options})
    body = RequestBuilder(spec).body([Message("user", "?")], Sampling(max_tokens=7), 1)
    assert (body["seed"], body["max_completion_tokens"], "max_tokens" in body) == (5, 9, False)


@pytest.mark.parametrize("more", [{"request": {"omit": ["seed"]}}, {"deployment": "v2"}])
def test_what_concerns_a_server_goes_with_one(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="concerns a server"):
        ModelSpec(model="m", engine="hf", **more)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a/v1", "http://A/v1"),
        ("http://a/v1", "http://a:80/v1"),
        ("https://a:443/v1/", "https://a/v1"),
        ("http://a./v1", "http://a/v1"),
        ("http://[::1]:8000/v1", "http://[0:0::1]:8000/v1"),
    ],
)
def test_a_server_stands_once_however_it_is_written(one: str, other: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"{other} stands twice in base_url")):
        ModelSpec.model_validate({"model": "m", "base_url": [one, other]})


@pytest.mark.parametrize("other", ["https://a/v1", "http://a:8000/v1", "http://a/v2", "http://b/v1", "http://a/V1"])
def test_servers_differ_in_scheme_host_port_or_path(other: str) -> None:
    assert ModelSpec.model_validate({"model": "m", "base_url": ["http://a/v1", other]}).base_url == (
        "http://a/v1",
        other,
    )


def test_blanks_around_an_address_are_no_part_of_it() -> None:
    assert ModelSpec(model="m", base_url=f" {URL}\n").base_url == URL
