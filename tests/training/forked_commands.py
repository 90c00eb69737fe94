"""Runs `training/proof/run` with each command in a process that is forked, and so has the libraries already.

    python tests/training/forked_commands.py training/proof/run --small --until 2a

The proof gives some forty commands, and each would load torch, transformers and TRL by itself. Nothing has used them
when processes are forked, so that no thread is lost in them.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

from mlpo_bench import cli


LIBRARIES = ("lm_eval.evaluator", "peft", "scipy.stats", "statsmodels.api", "transformers", "trl")


def main() -> None:
    """Run the proof that is named, whose own code lies two folders above it."""
    script, *words = sys.argv[1:]
    sys.path.insert(0, str(Path(script).parents[2]))
    for name in LIBRARIES:
        import_module(name)
    place = import_module("training.proof.place")
    vars(place).update(mlpo_bench=mlpo_bench, told_by=told_by)
    sys.argv = [script, *words]
    runpy.run_path(script)


def mlpo_bench(*words: str, ends: tuple[int, ...] = (0,), of: Path | None = None) -> int:
    """Carry out a command, as the proof's own function does."""
    assert of is None
    sys.stdout.write(f"$ mlpo-bench {shlex.join(words)}\n")
    code = _carried_out(words)
    if code not in ends:
        raise SystemExit(code)
    return code


def told_by(*words: str) -> str:
    """Return what a command prints, as the proof's own function does."""
    with tempfile.TemporaryFile() as out:
        assert _carried_out(words, out) == 0
        out.seek(0)
        return out.read().decode()


def _carried_out(words: tuple[str, ...], out: IO[bytes] | None = None) -> int:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _carry_out(words, out)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _carry_out(words: tuple[str, ...], out: IO[bytes] | None) -> NoReturn:
    code = 1
    try:
        if out is not None:
            os.dup2(out.fileno(), 1)
        sys.argv = ["mlpo-bench", *words]
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
