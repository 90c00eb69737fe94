"""Whatever a YAML file holds, reading it is quick and small, and ends in values or in one sentence for each fault."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.config import read_config
from mlpo_bench.teams import read_team


LONG = "9" * 5_000
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAINED = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500))

MATRICES = {
    "twice": ("limit: 5\nlimit: 7\n", "line 2: 'limit' stands twice, first on line 1"),
    "twice, within": ("team:\n  leader: {model: a, model: b}\n", "line 2: 'model' stands twice, first on line 2"),
    "truth for a number": ("limit: true\n", ":1: field 'limit': this must be a number"),
    "truth for many numbers": ("rounds: [true]\n", "field 'rounds.0': this must be a number"),
    "truth in another protocol": (
        "protocols:\n  - leader: {adaptive: true}\n",
        "the setting 'adaptive' of protocol 'leader' should be a number, not True",
    ),
    "no settings": ("protocols:\n  - leader: false\n", "the settings of 'leader' are written as name: value"),
    "no list of settings": ("protocols:\n  - leader: []\n", "the settings of 'leader' are written as name: value"),
    "ballots that are none": ("samples: [a]\n", ":1: field 'samples.0': "),
    "truth in a protocol": ("protocols:\n  - vote: {samples: true}\n", "the setting 'samples' of protocol 'vote'"),
    "no protocols": ("protocols: []\n", ":1: field 'protocols': "),
    "no suites": ("suites: []\n", ":1: field 'suites': "),
    "no subjects": ("subjects: []\n", ":1: field 'subjects': "),
    "no seeds": ("seeds: []\n", ":1: field 'seeds': "),
    "no rounds": ("rounds: []\n", ":1: field 'rounds': "),
    "no values": ("protocols: [{leader: {share: []}}]\n", "field 'protocols.0.leader.share'"),
    "no teams": ("teams: {}\n", ":1: field 'teams': "),
    "no end": ("generation: {until: 5}\n", "the generation setting until must be text that ends an answer"),
    "many ends": ("generation: {until: [a, 5]}\n", "the generation setting until must be text"),
    "no number": ("generation: {temperature: .nan}\n", "the generation setting temperature cannot be nan"),
    "infinite": ("generation: {temperature: .inf}\n", "the generation setting temperature cannot be inf"),
    "truth as temperature": ("generation: {temperature: true}\n", "temperature must be a number, not true"),
    "part of a token": ("generation: {max_gen_toks: 1.5}\n", "max_gen_toks must be a whole number, not 1.5"),
    "a list of tokens": ("generation: {max_gen_toks: [5]}\n", "max_gen_toks must be a number, not [5]"),
    "too many tokens": ("generation: {max_gen_toks: 3000000000}\n", "max_gen_toks cannot be 3000000000"),
    "perhaps": ("generation: {do_sample: perhaps}\n", "do_sample must be true or false, not 'perhaps'"),
    "half a character": ('data: "\\ud800"\n', "line 1: half a character (a lone surrogate) is no text."),
    "a zero": ('data: "a\\0b"\n', "line 1: text holds no character of number 0."),
    "beyond 64 bits": (f"limit: {2**64}\n", "line 1: 18446744073709551616 is beyond what 64 bits hold."),
    "far beyond": (f"calibration: {LONG}\n", "line 1: 9999"),
    "seed beyond": (f"seeds: [{2**63}]\n", "line 1: 9223372036854775808 is beyond what 64 bits hold."),
    "no such character": ('data: "\\UFFFFFFFF"\n', "line 1: no such character or number is read."),
    "beyond the last character": ('data: "\\U00110000"\n', "line 1: no such character or number is read."),
    "a long version": (f"%YAML 1.{LONG}\n---\nlimit: 1\n", "no such character or number is read."),
    "long to the base of 8": (f"limit: 0{'1' * 4_400}\n", "... is a longer number than is read."),
    "long to the base of 60": (f"limit: 1{':10' * 100_000}\n", "... is a longer number than is read."),
    "a long part of one": (f"generation: {{temperature: 0.{LONG}}}\n", "... is a longer number than is read."),
    "bytes": ("data: !!binary AA==\n", "line 1: `!!binary` has no place here: write text."),
    "a set": ("suites: !!set {bbh, math}\n", "line 1: `!!set` has no place here: write a list, which has an order."),
    "a number as format": (
        "suites: mine.csv\nformat: 1\n",
        "format names how answers are read, such as number or choice; it is 1.",
    ),
    "a list as format": ("suites: mine.csv\nformat: {mine: [a]}\n", "such as number or choice; it is ['a']."),
    "many names": ("".join(f"x{n}: 1\n" for n in range(9_000)), "... and 8,980 more"),
    "a home of nobody": ("team: ~nobody-at-all/team.yaml\n", "No such file"),
    "no date": ("data: 2026-99-99\n", "line 1: 2026-99-99 is no timestamp."),
    "no such tag": ("data: !!python/object/apply:os.system [id]\n", "could not determine a constructor"),
    "no integer": ("limit: !!int x\n", "line 1: x is no int."),
    "deep": ("data: " + "[" * 10_000 + "]" * 10_000, "line 1: values are nested more than 64 deep."),
    "deep by aliases": (CHAINED, "values are nested more than 64 deep."),
    "a bomb": (BOMB, "it comes to more than 100,000 values."),
    "a bomb of merges": (MERGED, "it comes to more than 100,000 values."),
    "a circle": ("data: &a [*a]\n", "line 1: an alias stands within what it stands for."),
    "a bomb of protocols": (
        "x: &x [1,1,1,1,1,1,1,1]\nprotocols:\n  - leader: {rounds: *x, share: [whole, answer]}\n",
        "unknown field 'x'",
    ),
    "a suite that is not asked": (
        "suites: [bbh]\nown: {mine: {at: mine.csv}}\n",
        "own tells where the suite 'mine' is found, which is none of suites.",
    ),
    "a suite beside the usual ones": ("own: {mht: {at: mine.csv}}\n", "is none of suites; did you mean 'math'?"),
    "suites that are no suites": ("suites: [bbh]\nown: 5\n", "field 'own'"),
    "a suite that is none": ("suites: [x]\nown: {x: 5}\n", "field 'own.x'"),
    "a suite that lies nowhere": ("suites: [x]\nown: {x: {at: 5}}\n", "field 'own.x.at'"),
    "many combinations": (
        f"protocols: [{{leader: {{rounds: {list(range(1, 65)) * 30}, adaptive: {list(range(65)) * 30}}}}}]\n",
        "these settings have 3,744,000 combinations, and a run 1,000,000 cells at most",
    ),
    "many cells": (
        f"seeds: {list(range(20_000))}\nrounds: {list(range(1, 60))}\n",
        "this matrix would have 7,200,000 cells, and a run has 1,000,000 at most",
    ),
    "many peers": ("team: {leader: {}, peers: [" + "{}," * 60_000 + "]}\n", "at most 64 items"),
    "more peers than are read": ("team: {leader: {}, peers: [" + "{}," * 100_000 + "]}\n", "more than 100,000 values"),
    "no list of peers": ("team: {leader: {}, peers: 5}\n", "field 'team.peers': input should be a list (it is 5)."),
    "a name that is none": ("5: x\n", "5"),
    "a list of maps": ("rounds: {a: b}\n", "field 'rounds'"),
    "long": ("data: " + "x" * (yamls.MOST_BYTES + 1), "is too long: no more than 4 MiB are read."),
    "nothing": ("", "it is empty"),
    "a team's name": (f"teams: {{{'x' * 300}: {{leader: {{}}}}}}\n", "at most 100 characters"),
}
for _number, _said in {
    "010": "010 is read as 8 by YAML; write 8 or 10.",
    "-0_17": "-0_17 is read as -15 by YAML; write -15 or -17.",
    "00": "00 is read as 0 by YAML; write 0.",
    "1:30": "1:30 is read as 90 by YAML; write 90, or put it in quotes.",
    "1:30.5": "1:30.5 is read as 90.5 by YAML; write 90.5, or put it in quotes.",
    "!!int 010": "010 is read as 8 by YAML; write 8 or 10.",
}.items():
    for _field in ("limit: {}", "rounds: [{}]", "generation: {{temperature: {}}}", "team: {{leader: {{context: {}}}}}"):
        _text = "split: test\n" + _field.format(_number) + "\n"
        MATRICES[f"{_number} as {_field}"] = _text, f"is not valid YAML: line 2: {_said}"
for _code in (0, 7, 27, 127, 0xFFFF):
    _text = f"split: test\nlimit: 3\ndata: a{chr(_code)}b\n"
    MATRICES[f"character {_code}"] = (
        _text,
        f"is not valid YAML: line 3: a character of number {_code} has no place in a file of text.",
    )

TEAMS = {
    "infinite price": (
        "leader: {model: m}\nprices:\n  m: {prompt: .inf, completion: 1}\n",
        ":3: field 'prices.m.prompt'",
    ),
    "price beyond all": (
        "leader: {model: m}\nprices: {m: {prompt: 1.0e+308, completion: 1}}\n",
        "field 'prices.m.prompt'",
    ),
    "truth for devices": (
        "leader: {model: m, engine_options: {tensor_parallel: true}}\n",
        ":1: field 'leader.engine_options.tensor_parallel': this must be a number",
    ),
    "truth for a share": (
        "leader: {model: m, engine_options: {memory: true}}\n",
        "field 'leader.engine_options.memory': this must be a number",
    ),
    "truth for a batch": (
        "leader: {model: m, engine_options: {max_num_seqs: true}}\n",
        "field 'leader.engine_options.max_num_seqs': this must be a number",
    ),
    "price of nothing": ("leader: {model: m}\nprices: {m: {prompt: .nan, completion: 1}}\n", "field 'prices.m.prompt'"),
    "a hot member": ("leader: {sampling: {temperature: .nan}}\n", "field 'leader.sampling.temperature'"),
    "truth for tokens": ("leader: {sampling: {max_tokens: true}}\n", "field 'leader.sampling.max_tokens'"),
    "tokens beyond": (f"leader: {{context: {2**40}}}\n", "field 'leader.context'"),
    "no host": ("leader: {model: m, base_url: 'http://[::1'}\n", "is no address"),
    "port": ("leader: {model: m, base_url: 'http://a:99999/v1'}\n", "is no address"),
    "many seats": ("leader: {}\npeers: [{count: 64}, {count: 64}]\n", "a team has 64 peers at most, not 128"),
    "many peers": ("leader: {}\npeers: [" + "{count: 64}," * 20_000 + "]\n", "field 'peers'"),
    "faulty peers": ("leader: {}\npeers: [" + "{x: 1}," * 60 + "]\n", "... and 40 more"),
    "no model": ('leader: {model: ""}\n', "field 'leader.model'"),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_fault_of_a_matrix_is_said_at_once(name: str, tmp_path: Path) -> None:
    content, message = MATRICES[name]
    refused_at_once(read_config, tmp_path, content, message)


@pytest.mark.parametrize(("written", "read"), [("1_000", 1000), ("0x10", 16), ("0b11", 3), ("0", 0), ("-7", -7)])
def test_numbers_that_everybody_reads_alike_stay(written: str, read: int) -> None:
    assert yamls.load(f"- {written}\n- '010'\n- '1:30'\n- 08\n")[0] == [read, "010", "1:30", "08"]


@pytest.mark.parametrize("name", TEAMS)
def test_a_fault_of_a_team_is_said_at_once(name: str, tmp_path: Path) -> None:
    content, message = TEAMS[name]
    refused_at_once(read_team, tmp_path, content, message)


def refused_at_once(read: object, folder: Path, content: str, message: str) -> None:
    assert callable(read)
    path = folder / "file.yaml"
    path.write_text(content)
    began = time.process_time()
    with pytest.raises(UsageError) as refused:
        read(path)
    assert time.process_time() - began < 30  # on a busy machine
    assert message in str(refused.value)
    assert str(path) in str(refused.value)
    assert len(str(refused.value)) < 8_000


@pytest.mark.parametrize("content", [BOMB, MERGED, CHAINED])
def test_what_is_refused_takes_no_memory(content: str, tmp_path: Path) -> None:
    tracemalloc.start()
    refused_at_once(read_config, tmp_path, content, "line ")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 32 * 2**20


def test_aliases_that_come_to_little_are_read(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(
        "leader: &one {model: a, persona: x}\npeers: [*one, {<<: *one, model: b}, {<<: *one, count: 2}]\n"
    )
    team = read_team(tmp_path / "team.yaml")
    assert [peer.model for peer in team.peers] == ["a", "b", "a", "a"]
    assert {peer.persona for peer in team.peers} == {"x"}


def test_characters_that_json_writes_in_halves_are_whole(tmp_path: Path) -> None:
    (tmp_path / "team.json").write_text(r'{"leader": {"model": "m", "persona": "\ud83d\ude00"}}')
    assert read_team(tmp_path / "team.json").leader.persona == "\U0001f600"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError, match="cannot be read: it is a pipe, not a file"):
        read_team(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError, match="cannot be read: it is a folder, not a file"):
        read_team(tmp_path)
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        read_team(tmp_path / ("x" * 300))
    with pytest.raises(UsageError, match="cannot be read: embedded null byte"):
        read_team(tmp_path / "x\0y")


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


@given(st.text(st.characters(codec="utf-8"), max_size=200))
@example("{a: &a 1, <<: *a}")
@example("? {a: 1}\n: 2")
@example("a: !!omap [1]")
@example("a: !!timestamp x")
@example("a: !!bool x")
@example("a: !!int ''")
@example("!!set {a}")
@example("<<: [1]")
@example("%YAML 1.9\n--- a")
def test_any_text_is_values_or_a_fault(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_text(text)
        try:
            said = dict(yamls.read(path, Anything, "file"))
        except UsageError as refused:
            said = {"refused": str(refused)}
        assert str(path) in said.get("refused", str(path))
