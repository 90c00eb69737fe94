"""Files that people write, and what is wrong with them.

Whatever a file holds, reading it takes little time and memory: its bytes (`files`), its depth and what it comes to
(`document`) are bounded here, in one place. `fields` are the numbers that models of files hold, `faults` says what is
wrong with a value, and `known` which names would have been right.
"""

from __future__ import annotations

from mlpo_bench.yamls.document import DEEPEST, MOST_VALUES, OF_64_BITS, load, one_line, short
from mlpo_bench.yamls.faults import Fault, Location, all_of, listed, message, sentences, shown
from mlpo_bench.yamls.fields import JsonObject, Real, Tokens, Whole
from mlpo_bench.yamls.files import FOLDER, MOST_BYTES, beside, is_there, of_a_field, parsed, read, read_text


__all__ = [
    "DEEPEST", "FOLDER", "MOST_BYTES", "MOST_VALUES", "OF_64_BITS", "Fault", "JsonObject", "Location", "Real", "Tokens",
    "Whole", "all_of", "beside", "is_there", "listed", "load", "message", "of_a_field", "one_line", "parsed", "read",
    "read_text", "sentences", "short", "shown",
]  # fmt: skip
