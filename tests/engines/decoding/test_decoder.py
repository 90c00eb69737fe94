"""Rows that join and leave a batch: what each writes is what it would write alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.engines.decoding.rows import Row


torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mlpo_bench.engines.decoding import cache as caches  # noqa: E402 - after the skip
from mlpo_bench.engines.decoding.attention import NAME, use_heads_as_queries  # noqa: E402
from mlpo_bench.engines.decoding.decoder import Decoder  # noqa: E402
from mlpo_bench.engines.generation import AS_THE_TASK_SAYS  # noqa: E402


if TYPE_CHECKING:
    from types import ModuleType

MOST = 14


def rows() -> list[Row]:
    return [
        Row([1, *range(5, 6 + n % 4 * 3)], Sampling(temperature=(0.0, 1.5)[n % 2], max_tokens=1 + n * 5 % MOST), n)
        for n in range(9)
    ]


def decoded_alone(decoder: Decoder) -> list[list[int]]:
    alone = rows()
    for row in alone:
        ended = decoder.advance([[row]])
        while not ended:
            ended = decoder.advance([])
        assert ended == [row]
    return [row.written for row in alone]


def decoder_of(model: Any, tiny: ModuleType, idle: float | None = None) -> Decoder:
    return Decoder(model.eval(), tiny.tokenizer(), [2], AS_THE_TASK_SAYS, idle=idle)


@pytest.fixture(params=[("sdpa", None), (NAME, None), (NAME, 0.4)], ids=["sdpa", NAME, "idle rows"])
def decoder(request: pytest.FixtureRequest, tiny: ModuleType) -> Decoder:
    attention, idle = request.param
    model = tiny.model()
    if attention == NAME:
        use_heads_as_queries(model)
    assert model.config._attn_implementation == attention
    return decoder_of(model, tiny, idle)


def test_rows_that_join_and_leave_write_what_they_write_alone(decoder: Decoder) -> None:
    expected = decoded_alone(decoder)
    together = rows()
    later = [[together[4], together[5]], [together[6]], [together[7], together[8]]]
    ended = decoder.advance([together[:3], together[3:4]])
    while decoder.rows or later:
        ended += decoder.advance([later.pop()] if later else [])
    assert [row.written for row in together] == expected
    assert sorted(map(id, ended)) == sorted(map(id, together))
    assert len({len(written) for written in expected}) > 3


def test_equal_prompts_are_read_once(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, read = decoder._logits, []

    def noted(ids: Any, *more: Any) -> Any:
        read.append(tuple(ids.shape))
        return logits(ids, *more)

    monkeypatch.setattr(decoder, "_logits", noted)
    same = [Row([1, 5, 6, 7], Sampling(temperature=2.0, max_tokens=8), seed) for seed in range(6)]
    decoder.advance([same])
    assert read[0] == (1, 4)
    assert read[1][1] == 1
    assert len({tuple(row.written) for row in same}) > 1


def test_a_row_that_was_let_go_goes_on_where_it_was(decoder: Decoder) -> None:
    expected = decoded_alone(decoder)
    together = rows()
    decoder.advance([together])
    left = decoder.release()
    assert left
    assert not decoder.rows
    ended = decoder.advance([[row] for row in left])
    while decoder.rows:
        ended += decoder.advance([])
    assert [row.written for row in together] == expected


def test_places_of_ended_rows_are_taken_out_when_they_are_many(tiny: ModuleType, monkeypatch: Any) -> None:
    decoder = decoder_of(tiny.model(), tiny, 0.4)
    logits, places = decoder._logits, []

    def noted(ids: Any, *more: Any) -> Any:
        if ids.shape[1] == 1:
            places.append((len(ids), len(decoder.rows)))
        return logits(ids, *more)

    monkeypatch.setattr(decoder, "_logits", noted)
    decoder.advance([rows()])
    while decoder.rows:
        decoder.advance([])
    assert any(held > under_way for held, under_way in places)
    assert all(held - under_way <= 0.4 * held for held, under_way in places)


def test_rows_that_nobody_waits_for_leave(decoder: Decoder) -> None:
    expected = decoded_alone(decoder)
    together = rows()
    decoder.advance([together])
    unwanted = decoder.rows[::2]
    decoder.drop(unwanted)
    while decoder.rows:
        decoder.advance([])
    assert [len(row.written) < len(alone) for row, alone in zip(together, expected, strict=True)] == [
        row in unwanted for row in together
    ]


def test_a_model_whose_layers_slide_takes_no_rows_and_lets_them_leave(tiny: ModuleType) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=len(tiny.WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=8, initializer_range=0.5, max_position_embeddings=64,
    )  # fmt: skip
    decoder = decoder_of(MistralForCausalLM(config), tiny)
    assert not decoder.joins
    expected = decoded_alone(decoder)
    together = rows()
    ended = decoder.advance([together])
    while decoder.rows:
        ended += decoder.advance([])
    assert [row.written for row in together] == expected


def test_a_step_copies_nothing_but_its_own_column() -> None:
    layer = caches.RowsLayer()
    first = torch.randn(2, 3, 5, 4)
    layer.update(first, first)
    column = torch.randn(2, 3, 1, 4)
    layer.update(column, column)
    place = layer.keys.data_ptr()
    keys, values = layer.update(column, column)
    assert keys.data_ptr() == place
    assert torch.equal(keys, torch.cat([first, column, column], dim=2))
    assert torch.equal(values, keys)
    for _ in range(caches.SPARE_COLUMNS):
        keys, _ = layer.update(column, column)
    assert torch.equal(keys[:, :, :5], first)
    assert keys.shape[2] == 7 + caches.SPARE_COLUMNS


@pytest.mark.parametrize("masked", [0, 3])
def test_heads_as_queries_attend_as_torch_does(masked: int, tiny: ModuleType) -> None:
    model = tiny.model().eval()
    ids, mask = torch.randint(0, 24, (3, 7)), torch.ones(3, 7, dtype=torch.long)
    mask[1, :masked] = 0

    def logits() -> Any:
        cache = caches.empty_cache(model.config)
        with torch.inference_mode():
            model(input_ids=ids[:, :6], attention_mask=mask[:, :6], past_key_values=cache)
            return model(input_ids=ids[:, 6:], attention_mask=mask, past_key_values=cache).logits

    expected = logits()
    use_heads_as_queries(model)
    assert model.config._attn_implementation == NAME
    assert torch.allclose(logits(), expected, atol=1e-5)
