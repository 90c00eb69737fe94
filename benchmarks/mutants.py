"""Which small changes of the code no test notices: a random sample of mutmut's mutants, tried within minutes.

    python -m benchmarks.mutants mlpo_bench/answers --tests tests/answers --sample 300 --into mutants.jsonl
    python -m benchmarks.mutants mlpo_bench/answers --tests tests/answers --sample 300 --into mutants.jsonl --show

mutmut makes the mutants. Tests are collected once, in a copy of the checkout, and every mutant is tried in a child of
that process: by the tests that call the changed function, the quickest first, until one fails. So a mutant takes as
long as its tests do, and no second of pytest's own. What was tried stands in the file of `--into`, which the same
command goes on with, and beside it (`.tests.json`) which test calls what; `--part 1/2` and `--part 2/2` share the work.
`--show` prints the changes that nothing noticed. A mutant without end is ended after three times the processor's time
that its tests take, and counts as noticed.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline
from mutmut.mutation.file_mutation import create_mutations, mutate_file_contents


if TYPE_CHECKING:
    from collections.abc import Callable

COPIED = ("mlpo_bench", "tests", "tasks", "training", "docs", "pyproject.toml")
# Run by an interpreter of its own, where no mutant can be switched on: each takes the file's place.
SCRIPTS = {"_verifier.py": "mlpo_bench.answers.referees"}
SPARE_S, LONGEST_S = 20, 1800
MEMORY = 8 << 30


@dataclass(frozen=True)
class Mutant:
    """A change: its name, the function that it is of, what the code becomes; for a script, its whole text."""

    name: str
    function: str
    change: str
    path: Path
    script: str | None = None


def of_module(path: Path, copy: Path) -> list[Mutant]:
    """Make all mutants of a module, and put them into the copy, where they lie asleep."""
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    made = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
    (copy / path).write_text(made.code, encoding="utf-8")
    lines = made.code.splitlines()

    def text(name: str) -> list[str]:
        span = made.line_span_by_function_name[name]
        whole = [line.rpartition("  # type: ignore # mutmut")[0] or line for line in lines[span.start - 1 : span.end]]
        return [line.replace(name, "it") for line in whole]

    mutants = []
    for name in made.mutant_names:
        function = name.rpartition("__mutmut_")[0]
        change = difflib.unified_diff(text(f"{function}__mutmut_orig"), text(name), lineterm="", n=1)
        mutants.append(Mutant(f"{module}.{name}", f"{module}.{function}", "\n".join(list(change)[2:]), path))
    return mutants


def of_script(path: Path) -> list[Mutant]:
    """Make all mutants of a script."""
    source = path.read_text(encoding="utf-8")
    module, mutations, _, _ = create_mutations(str(path), source)
    mutants = []
    for number, mutation in enumerate(mutations):
        code = module.deep_replace(mutation.original_node, mutation.mutated_node).code
        change = "\n".join(list(difflib.unified_diff(source.splitlines(), code.splitlines(), lineterm="", n=1))[2:])
        mutants.append(Mutant(f"{path}#{number}", SCRIPTS[path.name], change, path, code))
    return mutants


class Trials:
    """A pytest plugin: in place of running the tests once, runs them against each mutant."""

    def __init__(self, mutants: list[Mutant], into: Path, root: Path) -> None:
        self.mutants, self.into, self.root = mutants, into, root

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants that have yet to be tried."""
        kept = self.into.with_suffix(".tests.json")
        told = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {"seconds": {}, "failed": []}
        if {item.nodeid for item in session.items} != {*told["seconds"], *told["failed"]}:  # there are other tests now
            told = json.loads(in_child(lambda: json.dumps(measured(session.items)), LONGEST_S))
            kept.write_text(json.dumps(told), encoding="utf-8")
        if told["failed"]:
            print(f"left out, for they fail without any mutant: {told['failed']}", flush=True)
        sound = [item for item in session.items if item.nodeid in told["calls"]]
        for number, mutant in enumerate(self.mutants, 1):
            tests = sorted(
                (item for item in sound if touches(told["calls"][item.nodeid], mutant.function)),
                key=lambda item: float(told["seconds"][item.nodeid]),
            )
            verdict = self.tried(mutant, tests, sum(told["seconds"][item.nodeid] for item in tests))
            row = {"mutant": mutant.name, "verdict": verdict, "tests": len(tests), "change": mutant.change}
            with self.into.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{number} of {len(self.mutants)}: {mutant.name} {verdict}", flush=True)
        return True

    def tried(self, mutant: Mutant, tests: list[pytest.Item], seconds: float) -> str:
        """Return what became of a mutant."""
        if not tests:
            return "no tests"
        place = self.root / mutant.path
        before = place.read_text(encoding="utf-8")
        if mutant.script is not None:
            place.write_text(mutant.script, encoding="utf-8")

        def noticed() -> str:
            trampoline.set_mutant_under_test(mutant.name)
            return next((item.nodeid for item in tests if failed(item)), "")

        try:
            by = in_child(noticed, int(3 * seconds) + SPARE_S)
        except ChildProcessError as error:
            return f"noticed: {error}"
        finally:
            place.write_text(before, encoding="utf-8")
        return f"noticed by {by}" if by else "survived"


def touches(calls: list[str], function: str) -> bool:
    """Whether a test calls a function, or any of a module."""
    return any(call == function or call.startswith(f"{function}.") for call in calls)


def failed(item: pytest.Item) -> bool:
    """Run a test, and return whether it fails."""
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def measured(items: list[pytest.Item]) -> dict[str, Any]:
    """Run all tests without a mutant; return the functions that each calls, its seconds, and which tests fail."""
    calls: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    wrong = []
    hits: set[str] = set()
    trampoline.record_trampoline_hit = lambda name, **_: hits.add(name)
    trampoline.set_mutant_under_test("stats")
    for item in items:
        hits.clear()
        began = time.process_time()
        if failed(item):
            wrong.append(item.nodeid)
            continue
        seconds[item.nodeid] = time.process_time() - began
        calls[item.nodeid] = sorted(hits)
    return {"calls": calls, "seconds": seconds, "failed": wrong}


def in_child(work: Callable[[], str], seconds: int) -> str:
    """Do something in a child of this process and return what it returns.

    Raises:
        ChildProcessError: it died, or took more of the processor's time than it may.
    """
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONGEST_S)
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as pipe:
            pipe.write("=" + work())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if not told.startswith("="):
        raise ChildProcessError(f"the tests ended with {os.waitstatus_to_exitcode(status)}")
    return told[1:]


def rows(into: Path) -> list[dict[str, Any]]:
    """Return what was tried so far."""
    lines = into.read_text(encoding="utf-8").splitlines() if into.exists() else []
    return [json.loads(line) for line in lines]


def drawn(paths: list[Path], copy: Path, options: argparse.Namespace) -> list[Mutant]:
    """Make all mutants of the modules, and draw as many as are wanted."""
    modules = [path for path in paths if path.name not in SCRIPTS]
    mutants = [mutant for path in modules for mutant in of_module(path, copy)]
    mutants += [mutant for path in paths if path.name in SCRIPTS for mutant in of_script(path)]
    print(f"{len(mutants)} mutants in {len(paths)} modules", flush=True)
    return random.Random(options.seed).sample(mutants, min(options.sample, len(mutants)))  # noqa: S311 - a sample


def main() -> int:
    """Try a sample of mutants, and say what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", type=Path, help="modules or folders of the package")
    parser.add_argument("--tests", nargs="+", required=True, help="tests that are to notice them")
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, required=True, help="JSON lines of what was tried; gone on with")
    parser.add_argument("--part", default="1/1", help="which share of the sample is tried")
    parser.add_argument("--without", default="", help="tests that are left out: an expression, as pytest's -k takes it")
    parser.add_argument("--show", action="store_true", help="print the changes that nothing noticed, and try none")
    options = parser.parse_args()
    if not options.show:
        try_all(options)
    tried = rows(options.into)
    left = [row for row in tried if not row["verdict"].startswith("noticed")]
    if options.show:
        for row in left:
            print(f"{row['mutant']}: {row['verdict']} ({row['tests']} tests)\n{row['change']}\n")
    print(dict(Counter(row["verdict"].partition(" ")[0].rstrip(":") for row in tried)))
    print(f"noticed: {len(tried) - len(left)} of {len(tried)}")
    return 0


def try_all(options: argparse.Namespace) -> None:
    """Try the mutants of a sample that have yet to be tried."""
    into = options.into.resolve()
    paths = [path for one in options.modules for path in ([one] if one.is_file() else sorted(one.glob("*.py")))]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            place = shutil.copytree if Path(name).is_dir() else shutil.copy
            place(name, copy / name)
        sample = drawn(paths, copy, options)
        before = {row["mutant"] for row in rows(into)}
        os.chdir(copy)
        sys.path[:] = [str(copy), *(each for each in sys.path if Path(each).resolve() != Path.cwd())]
        arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *options.tests]
        arguments += ["-k", f"not ({options.without})"] if options.without else []
        part, parts = map(int, options.part.split("/"))
        left = [mutant for mutant in sample[part - 1 :: parts] if mutant.name not in before]
        pytest.main(arguments, plugins=[Trials(left, into, copy)])


if __name__ == "__main__":
    sys.exit(main())
