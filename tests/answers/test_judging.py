"""Which answers are equal, which are not, and what happens to those that cannot be settled."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlpo_bench import answers
from mlpo_bench.answers import referees
from mlpo_bench.answers.referees import _SCRIPT, Referees
from mlpo_bench.errors import EngineError


@pytest.mark.parametrize(
    ("form", "answer", "gold"),
    [
        ("option", "(B)", "(B)"),
        ("yes_no", "Yes", "yes"),
        ("number", "-11520", "-11520"),
        ("number", "24", "24.0"),
        ("words", "ape bat", "ape  bat"),
        ("brackets", "] )", "])"),
        ("phrase", "salt, pepper & co", "Salt, Pepper, & Co."),
        ("maths", r"\dfrac{1}{2}", r"\frac12"),
        ("maths", r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        ("maths", "Evelyn", r"\text{Evelyn}"),
        ("maths", "10,000", r"10,\!000"),
        ("maths", "0.5", r"\frac{1}{2}"),
        ("maths", "x = 5", "5"),
        ("maths", r"1+\sqrt2", r"\sqrt{2}+1"),
        ("maths", r"12\%", "12"),
        ("maths", "[2,5)", r"x \in [2,5)"),
        ("maths", "3, 4", "3,4"),
    ],
)
def test_equal(form: str, answer: str, gold: str) -> None:
    assert answers.judge(form, answer, gold)


@pytest.mark.parametrize(
    ("form", "answer", "gold"),
    [
        ("option", "(A)", "(B)"),
        ("yes_no", "Yes", "no"),
        ("valid_invalid", "invalid", "valid"),
        ("number", "24", "-24"),
        ("words", "bat ape", "ape bat"),
        ("brackets", "] ) )", "] )"),
        ("maths", "3", "4"),
        ("maths", "(1,2)", "(2,1)"),
        ("maths", "1234", "(1,234)"),
        ("maths", "1 1/2", "11/2"),
        ("maths", r"\frac{", "1"),
    ],
)
def test_different(form: str, answer: str, gold: str) -> None:
    assert not answers.judge(form, answer, gold)


@pytest.mark.parametrize("form", answers.FORMATS)
def test_an_answer_that_could_not_be_read_is_wrong(form: str) -> None:
    assert not answers.judge(form, None, "1")


@pytest.mark.parametrize(
    ("form", "one", "other"),
    [
        ("option", "(B)", "B"),
        ("number", "1,000", "1000.0"),
        ("brackets", "] )", "])"),
        ("maths", r"\dfrac{1}{2}", r"\frac12"),
        ("words", "Ape bat", "ape bat"),
    ],
)
def test_equal_answers_share_a_key(form: str, one: str, other: str) -> None:
    assert answers.key(form, one) == answers.key(form, other)
    assert answers.key(form, one) != answers.key(form, "no such thing")


def test_an_expression_without_end_is_wrong_in_time_and_harms_no_later_one() -> None:
    judges = Referees(1, seconds=1.0)
    assert judges.same("1/2", "0.5").equal
    started = time.monotonic()
    assert not judges.same("9^{9^{9^{9}}}", "1").equal
    assert time.monotonic() - started < 60  # of a busy machine; the bound itself is of the processor's time
    assert judges.same("1/2", "0.5").equal
    judges.close()


def test_a_process_killed_while_idle_is_replaced() -> None:
    judges = Referees(1)
    assert judges.same("1/2", "0.5").equal
    judges._idle[0]._process.kill()
    judges._idle[0]._process.wait()
    assert judges.same("1/4", "0.25").equal
    judges.close()


ENDLESS = """
import sys, threading
from mlpo_bench.answers.referees import Referees
referees = Referees(1, seconds={seconds})
referees.same("1/2", "0.5")
pid = referees._idle[0]._process.pid
threading.Timer(0.5, lambda: print(pid, flush=True)).start()
referees.same("1000000000!", "1")
"""


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits for nothing but to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="it asks /proc, and Linux alone ends a process with its parent")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_what_is_being_compared_dies_with_the_program(how: int) -> None:
    program = subprocess.Popen([sys.executable, "-c", ENDLESS.format(seconds=60)], stdout=subprocess.PIPE, text=True)
    with program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        assert not ended(pid)
        program.send_signal(how)
        program.wait()
        until = time.monotonic() + 2
        while not ended(pid):
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timers")
def test_a_comparison_has_a_bound_of_its_own() -> None:
    """Nobody ends this one from outside: not even a parent that is stopped."""
    referee = [sys.executable, "-P", str(_SCRIPT), str(os.getpid()), "1.0"]
    with subprocess.Popen(referee, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write('["1000000000!", "1"]\n')
        process.stdin.flush()
        assert process.wait(timeout=60) == -signal.SIGPROF


def test_a_verdict_rests_on_the_processor_s_time_alone() -> None:
    """A machine that is busy elsewhere makes no right answer wrong."""
    judges = Referees(1, seconds=1.0)
    assert judges.same("1/2", "0.5").equal
    pid = judges._idle[0]._process.pid
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(2.5, os.kill, (pid, signal.SIGCONT)).start()
    assert judges.same("1/4", "0.25").equal
    assert judges._idle[0]._process.pid == pid
    judges.close()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system counts no processor's time for us")
def test_a_judge_that_hangs_makes_no_answer_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referees, "_HANGS_AFTER_S", 1.0)
    judges = Referees(1, seconds=1.0)
    assert judges.same("1/2", "0.5").equal
    os.kill(judges._idle[0]._process.pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="neither answered nor computed for 1 s"):
        judges.same("1/4", "0.25")
    monkeypatch.undo()
    assert judges.same("1/4", "0.25").equal
    judges.close()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system counts no processor's time for us")
def test_a_judge_that_the_system_kills_makes_no_answer_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referees, "_ATTEMPTS", 1)
    judges = Referees(1, seconds=60.0)
    assert judges.same("1/2", "0.5").equal
    threading.Timer(0.5, os.kill, (judges._idle[0]._process.pid, signal.SIGKILL)).start()
    with pytest.raises(EngineError, match="was killed"):
        judges.same("1000000000!", "1")
    assert judges.same("1/4", "0.25").equal
    judges.close()


def test_threads_share_the_processes() -> None:
    judges = Referees(2)
    with ThreadPoolExecutor(6) as threads:
        verdicts = [v.equal for v in threads.map(lambda n: judges.same(f"{n}/2", f"{n / 2}"), range(12))]
    assert all(verdicts)
    assert len(judges._idle) <= 2
    judges.close()


def test_a_program_that_judged_ends_at_once_and_its_judge_imports_no_torch() -> None:
    program = (
        "import sys; from mlpo_bench import answers;"
        "assert answers.judge('maths', '1/2', '0.5');"
        "assert not {'torch', 'lm_eval', 'math_verify', 'sympy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == 0


def test_a_verdict_can_be_had_from_a_thread_beside_an_event_loop() -> None:
    async def verdict() -> bool:
        return await asyncio.to_thread(answers.judge, "maths", "3/4", "0.75")

    assert asyncio.run(verdict())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_processes_of_its_own() -> None:
    program = (
        "import os, warnings; warnings.simplefilter('ignore');"
        "from mlpo_bench.answers.referees import shared; assert shared.same('1/2', '0.5').equal;"
        "child = os.fork();"
        "assert not shared._idle if child == 0 else len(shared._idle) == 1;"
        "assert shared.same('1/4', '0.25').equal;"
        "assert child == 0 or os.waitpid(child, 0)[1] == 0"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == 0
