"""What a team file says of how a model on this machine is read, held and placed: `engine_options`.

None of it has to be said. Options that change what may be answered enter the identity of requests
(`EngineOptions.identity`); those that decide only where a model lies and how much of it is asked at once do not. Which
engine takes which option is the engine's to say (`EngineKind.options`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from mlpo_bench import yamls
from mlpo_bench.errors import nearest


Count = Annotated[yamls.Whole, Field(ge=1, le=4096)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]

PLACES = ("auto", "balanced", "balanced_low_0", "sequential", "cpu", "cuda", "mps", "xpu")
READING = frozenset({"date", "chat_template_kwargs"})
"""Options on how prompts are written: every engine that serves weights takes them."""
_DIGITS = 12
_DEVICE = re.compile(r"^(cuda|xpu|npu|hpu):\d+$")


class EngineOptions(BaseModel):
    """How a model on this machine is served.

    How prompts are written: `date` is the day that a chat template is told, `chat_template_kwargs` what else it is
    told (`{enable_thinking: false}`).

    How weights are held: `quantization` makes them smaller as they are loaded, `kv_cache_dtype` the cache of what was
    read.

    Where: `tensor_parallel`, `pipeline_parallel` and `data_parallel` devices hold parts or copies of it; `memory` is
    its share of each, above 0, up to 1; at most `max_num_seqs` requests are answered at once; `device_map` places parts
    of it as transformers does; `sleep` says whether models that do not fit together take turns on a device.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: dt.date | None = None
    chat_template_kwargs: yamls.JsonObject = {}
    quantization: Word | None = None
    kv_cache_dtype: Word | None = None
    tensor_parallel: Count = 1
    pipeline_parallel: Count = 1
    data_parallel: Count = 1
    memory: Annotated[yamls.Real, Field(gt=0, le=1)] | None = None
    max_num_seqs: Annotated[yamls.Whole, Field(ge=1, le=65_536)] | None = None
    device_map: str | dict[str, yamls.Whole | str] | None = None
    sleep: bool | None = None

    @field_validator("device_map")
    @classmethod
    def _is_a_place(cls, given: str | dict[str, int | str] | None) -> str | dict[str, int | str] | None:
        if isinstance(given, str) and given not in PLACES and not _DEVICE.match(given):
            raise ValueError(
                f"{given!r} is no place for a model{nearest(given, PLACES) or '.'} It is one of {', '.join(PLACES)}, a "
                "device such as cuda:1, or names of modules with a device for each"
            )
        if given == {}:
            raise ValueError("it names no module; leave it out, or say where the model is to lie")
        return given

    def __hash__(self) -> int:
        return hash(orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS))

    @property
    def said(self) -> frozenset[str]:
        """The options that differ from what they are by themselves."""
        return frozenset(name for name, field in EngineOptions.model_fields.items() if self._differs(name, field))

    def _differs(self, name: str, field: Any) -> bool:  # noqa: ANN401 - pydantic's own class
        return bool(getattr(self, name) != field.get_default())

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it may change an answer, in words; the date stands with templates that tell one."""
        words = [f"{name} {told}" for name in ("quantization", "kv_cache_dtype") if (told := getattr(self, name))]
        if self.chat_template_kwargs:
            content = orjson.dumps(self.chat_template_kwargs, option=orjson.OPT_SORT_KEYS)
            words.append(f"template told {hashlib.sha256(content).hexdigest()[:_DIGITS]}")
        return tuple(words)

    @property
    def devices(self) -> int:
        """How many devices it takes."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel


NOTHING_SAID = EngineOptions()
"""How a model is served of which a team file says nothing."""
