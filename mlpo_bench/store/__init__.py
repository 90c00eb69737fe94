"""Every completion ever made, found again by its content.

One SQLite file (write-ahead log) shared by all runs and processes. A key is the SHA-256 of a request's identity (see
`request_key`); a value is the completion with its usage. `identity` makes the keys, `rows` the values, `database` knows
the file, `contents` what there is of which model and age, and `store` puts them together.
"""

from __future__ import annotations

from mlpo_bench.store.contents import Contents, Maker, Part, Size
from mlpo_bench.store.database import SCHEMA_VERSION, is_store
from mlpo_bench.store.identity import KEY_BYTES, derived_seed, request_key
from mlpo_bench.store.rows import MOST_TOKENS, sound
from mlpo_bench.store.store import COMMIT_EVERY_S, Store, default_path


__all__ = [
    "COMMIT_EVERY_S", "KEY_BYTES", "MOST_TOKENS", "SCHEMA_VERSION", "Contents", "Maker", "Part", "Size", "Store",
    "default_path", "derived_seed", "is_store", "request_key", "sound",
]  # fmt: skip
