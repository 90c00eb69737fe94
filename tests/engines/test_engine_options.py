"""How a model on this machine is served: what a team file may say, what engines are told, how a device is divided."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from mlpo_bench.engines import choose, device_memory, models, processor, vllm_settings
from mlpo_bench.engines.base import ALONE, Share
from mlpo_bench.engines.device_memory import COMPUTE, GIB, Need
from mlpo_bench.engines.vllm_settings import Device
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec, read_team


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.engines.resolved import ResolvedModel

GPUS = Device("cuda", 4, 80 * GIB)
CPU = Device("cpu", 1, 24 * GIB)


def spec(model: object = "m", engine: str = "auto", **options: Any) -> ModelSpec:
    return ModelSpec.model_validate({"model": str(model), "engine": engine, "engine_options": options})


def refused(**said: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate({"model": "m", **said})
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("engine", "options", "told"),
    [
        ("hf", {"tensor_parallel": 2}, "tensor_parallel is an option of engine vllm, not of hf"),
        ("hf", {"kv_cache_dtype": "fp8"}, "kv_cache_dtype is an option of engine vllm, not of hf"),
        ("vllm", {"device_map": "auto"}, "device_map is an option of engine hf, not of vllm"),
        ("auto", {"device_map": "auto", "sleep": True}, "no engine takes device_map, sleep together"),
        ("hf", {"device_map": "autp"}, "'autp' is no place for a model; did you mean 'auto'?"),
        ("hf", {"device_map": {}}, "it names no module; leave it out"),
        ("vllm", {"memory": 1.5}, "less than or equal to 1"),
        ("vllm", {"tensor_parallel": 0}, "greater than or equal to 1"),
        ("vllm", {"chat_template_kwargs": {"a": float("nan")}}, "must be what JSON can hold"),
        ("scripted", {"date": "2026-11-26"}, "concern weights on this machine"),
    ],
)
def test_what_cannot_be_is_one_sentence(engine: str, options: dict[str, Any], told: str) -> None:
    assert told in refused(engine=engine, engine_options=options)


def test_a_server_has_a_request_in_their_place() -> None:
    said = refused(base_url="http://127.0.0.1:1/v1", engine_options={"memory": 0.5})
    assert "how a server is asked is its request" in said


def test_a_team_file_says_it_and_faults_name_the_line(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text("leader:\n  model: m\n  engine_options: {date: 2026-11-26, tensor_parallel: 2}\n")
    options = read_team(file).leader.spec.engine_options
    assert (options.date, options.devices) == (dt.date(2026, 11, 26), 2)
    file.write_text("leader:\n  model: m\n  engine_options: {tensor_paralel: 2}\n")
    with pytest.raises(UsageError, match=r"team\.yaml.*tensor_paral"):
        read_team(file)


def test_a_spec_without_any_is_written_as_it_was() -> None:
    assert "engine_options" not in ModelSpec().model_dump_json()
    assert ModelSpec(engine_options={}) == ModelSpec()  # type: ignore[arg-type]


def test_only_what_may_change_an_answer_enters_the_identity() -> None:
    options = spec(tensor_parallel=4, memory=0.5, max_num_seqs=9, date="2026-11-26").engine_options
    assert options.identity == ()
    options = spec(
        quantization="fp8", kv_cache_dtype="fp8", chat_template_kwargs={"enable_thinking": False}
    ).engine_options
    quantised, cache, told = options.identity
    assert (quantised, cache) == ("quantization fp8", "kv_cache_dtype fp8")
    assert told.startswith("template told ")


# Which engine it goes with.


def resolved(folder: Path) -> ResolvedModel:
    return models.resolve(ModelSpec(model=str(folder)))


def test_auto_takes_the_engine_that_an_option_belongs_to(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = resolved(tiny_folder)
    kind, why = choose.chosen(spec(tiny_folder, device_map="auto"), weights)
    assert (kind.name, why) == ("hf", "device_map is its option")
    monkeypatch.setattr("mlpo_bench.engines.kinds.vllm.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"memory of .* is an option of engine vllm, but vllm is not installed"):
        choose.chosen(spec(tiny_folder, memory=0.5), weights)
    with pytest.raises(UsageError, match="option of engine vllm, but a deterministic run"):
        choose.chosen(spec(tiny_folder, memory=0.5), weights, deterministic=True)


# What transformers is told.


def test_transformers_is_told_where_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from mlpo_bench.engines import hf_weights

    assert hf_weights.settings(spec(), "bfloat16") == {"dtype": torch.bfloat16}
    assert hf_weights.settings(spec(device_map="auto"), "float32")["device_map"] == "auto"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="names cuda:1, but this machine has 1 of its kind"):
        hf_weights.settings(spec(device_map={"": "cuda:1"}), "float32")
    with pytest.raises(UsageError, match="no quantization of engine hf is called 'bitsandbytes'; did you mean"):
        hf_weights.settings(spec(quantization="bitsandbytes"), "float32")
    monkeypatch.setattr(hf_weights, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="Run: pip install bitsandbytes"):
        hf_weights.settings(spec(quantization="bitsandbytes-4bit"), "float32")


def test_a_device_map_and_a_number_of_rows_are_in_force(tiny_folder: Path) -> None:
    pytest.importorskip("accelerate")
    from mlpo_bench.engines import hf

    said = spec(tiny_folder, "hf", device_map="cpu", max_num_seqs=3)
    engine = hf.load(models.resolve(said), said)
    assert engine._admission.rows == 3
    assert engine._decoder._model.device.type == "cpu"


# What vLLM is told.


@pytest.mark.parametrize(
    ("place", "dtype", "halves", "wide"),
    [
        (CPU, "bfloat16", False, True),
        (CPU, "float16", False, True),
        (CPU, "float32", False, False),
        (CPU, "bfloat16", True, False),
        (GPUS, "bfloat16", False, False),
    ],
)
def test_products_are_wide_where_the_processor_has_no_narrow_ones(
    tiny_folder: Path, place: Device, dtype: str, halves: bool, wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vllm")
    monkeypatch.setattr(processor, "computes_halves", lambda: halves)
    said = ModelSpec.model_validate({"engine": "vllm", "model": str(tiny_folder), "dtype": dtype})
    made = vllm_settings.arguments([models.resolve(said)], said, place, ALONE, deterministic=False)
    assert (made.get("worker_cls") == vllm_settings.WIDE_WORKER) is wide


def told(folder: Path, place: Device = GPUS, share: Share = ALONE, deterministic: bool = False, **options: Any) -> Any:
    pytest.importorskip("vllm")
    said = spec(folder, "vllm", **options)
    return vllm_settings.arguments([models.resolve(said)], said, place, share, deterministic=deterministic)


def test_vllm_is_told_what_a_team_file_says(tiny_folder: Path) -> None:
    made = told(
        tiny_folder, tensor_parallel=2, data_parallel=2, memory=0.4, max_num_seqs=12, kv_cache_dtype="fp8",
        quantization="fp8",
    )  # fmt: skip
    assert made == told(tiny_folder) | {
        "tensor_parallel_size": 2, "data_parallel_size": 2, "gpu_memory_utilization": 0.4, "max_num_seqs": 12,
        "kv_cache_dtype": "fp8", "quantization": "fp8",
    }  # fmt: skip
    assert told(tiny_folder, pipeline_parallel=2)["pipeline_parallel_size"] == 2


def test_its_arguments_are_vllms(tiny_folder: Path) -> None:
    pytest.importorskip("vllm")
    from vllm.engine.arg_utils import AsyncEngineArgs

    for place in (GPUS, CPU):
        made = told(tiny_folder, place, max_num_seqs=12)
        args = AsyncEngineArgs(**made)
        assert {name: getattr(args, name) for name in made} == made


def test_a_device_of_its_own_is_taken_as_before(tiny_folder: Path) -> None:
    assert told(tiny_folder)["gpu_memory_utilization"] == 0.9
    assert told(tiny_folder, deterministic=True)["max_num_seqs"] == 8
    assert told(tiny_folder, deterministic=True, max_num_seqs=99)["max_num_seqs"] == 8
    assert told(tiny_folder, CPU)["kv_cache_memory_bytes"] == 4 * GIB
    assert "enable_sleep_mode" not in told(tiny_folder)


@pytest.mark.parametrize(
    ("place", "options", "sentence"),
    [
        (GPUS, {"tensor_parallel": 3}, "tensor_parallel 3 does not divide the 4 heads of .*; 2 does"),
        (GPUS, {"pipeline_parallel": 3}, "has 2 layers, so pipeline_parallel is 2 at most"),
        (
            GPUS,
            {"tensor_parallel": 4, "data_parallel": 2},
            r"takes 8 GPUs \(tensor_parallel 4 x data_parallel 2\), but this machine has 4",
        ),
        (CPU, {"tensor_parallel": 2}, r"takes 2 GPUs \(tensor_parallel 2\), but this machine has none"),
        (GPUS, {"quantization": "fp9"}, "no quantization of engine vllm is called 'fp9'; did you mean 'fp8'"),
        (GPUS, {"kv_cache_dtype": "fp9"}, "no kv_cache_dtype of engine vllm is called 'fp9'; did you mean 'fp8'"),
        (CPU, {"sleep": True}, "is for models that share a GPU"),
    ],
)
def test_what_model_or_device_lack_is_one_sentence(
    place: Device, options: dict[str, Any], sentence: str, tiny_folder: Path
) -> None:
    with pytest.raises(UsageError, match=sentence):
        told(tiny_folder, place, **options)


# A device that several models share.


@pytest.fixture
def sized(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Specs of models that seem to be as large as wanted, with the cache of a model of 7 billion parameters."""

    def of(**sizes: float) -> list[tuple[ModelSpec, ResolvedModel]]:
        hosts = []
        for name, size in sizes.items():
            folder = shutil.copytree(tiny_folder, tmp_path / name, dirs_exist_ok=True)
            config = json.loads((folder / "config.json").read_text())
            config |= {"num_hidden_layers": 28, "num_key_value_heads": 4, "head_dim": 128, "dtype": "bfloat16"}
            (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 32_768, "size": size}))
            hosts.append((spec(folder, "vllm"), resolved(folder)))
        return hosts

    monkeypatch.setattr(device_memory, "_weights", lambda model, _: model.config["size"] * GIB)
    return of


def test_a_device_is_divided_by_weights_and_expected_caches(sized: Any) -> None:
    shares = vllm_settings.shares(sized(large=28, small=3), GPUS)
    parts = [share.part or 0.0 for share in shares]
    assert sum(parts) == pytest.approx(0.9)
    # Caches are expected to be equal: what one has more is its weights.
    assert parts[0] - parts[1] == pytest.approx((28 - 3) / 80)
    assert [(share.engines, share.opened, share.turns) for share in shares] == [(2, 1, None), (2, 2, None)]


def test_what_a_person_gives_a_model_is_taken_first(sized: Any) -> None:
    (large, weights), other = sized(large=28, small=3)
    large = large.model_copy(update={"engine_options": spec(memory=0.6).engine_options})
    shares = vllm_settings.shares([(large, weights), other], GPUS)
    assert [share.part for share in shares] == pytest.approx([0.6, 0.3])


def test_models_that_do_not_fit_take_turns_on_the_whole_device(sized: Any, tiny_folder: Path) -> None:
    first, second = vllm_settings.shares(sized(large=40, other=36), GPUS)
    assert first.turns is second.turns is not None
    assert first.part == second.part == pytest.approx(0.9 - 2 / 80)
    made = told(tiny_folder, share=first)
    assert (made["enable_sleep_mode"], made["gpu_memory_utilization"]) == (True, 0.875)


def test_a_person_may_choose_turns_or_none(sized: Any) -> None:
    hosts = sized(large=40, other=36)
    never = [(one.model_copy(update={"engine_options": spec(sleep=False).engine_options}), w) for one, w in hosts]
    with pytest.raises(UsageError, match=r"large 40\.0, .*other 36\.0 GiB\) leave no room to answer on a device of 80"):
        vllm_settings.shares(never, GPUS)
    (small, weights), tiny = sized(small=3, tiny=1)
    always = small.model_copy(update={"engine_options": spec(sleep=True).engine_options})
    assert vllm_settings.shares([(always, weights), tiny], GPUS)[0].turns is not None


def test_parts_that_people_give_beyond_the_whole_do_not_fit() -> None:
    half = Need(GIB, GIB, GIB, asked=0.6)
    assert device_memory.divided([half, half], 80.0 * GIB) is None
    assert device_memory.divided([half], 80.0 * GIB) == [0.6]


def test_the_cache_of_a_cpu_is_divided_by_what_is_expected(sized: Any, tiny_folder: Path) -> None:
    first, second = vllm_settings.shares(sized(large=28, small=3), CPU)
    assert (first.part, second.part) == (0.5, 0.5)
    assert told(tiny_folder, CPU, first)["kv_cache_memory_bytes"] == 2 * GIB
    assert told(tiny_folder, CPU, memory=0.25)["kv_cache_memory_bytes"] == 6 * GIB


def test_needs_follow_from_a_models_files(tiny_folder: Path) -> None:
    weights = resolved(tiny_folder)
    one = device_memory.need(weights, spec(tiny_folder, "vllm"), 64)
    assert one.weights == 4 * weights.parameters
    # 2 layers, keys and values, 2 heads of 8 numbers in float32.
    assert one.least == 64 * 2 * 2 * 2 * 8 * 4
    half = device_memory.need(weights, spec(tiny_folder, "vllm", tensor_parallel=2, kv_cache_dtype="fp8"), 64)
    assert (half.weights, half.least) == (one.weights / 2, one.least / 8)
    small = device_memory.need(weights, spec(tiny_folder, "vllm", quantization="fp8", max_num_seqs=4), 64)
    assert (small.weights, small.expected) == (one.weights / 4, 4 * one.least)
    parts = device_memory.divided([one, one], 80.0 * GIB)
    assert parts is not None
    assert min(parts) * 80 * GIB > COMPUTE
