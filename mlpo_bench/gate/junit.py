"""A judgement as JUnit's XML, as build servers read it: a test suite for each group, a test case for each check."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mlpo_bench.gate.checks import Outcome


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.gate.checks import Check, Judgement

# What XML 1.0 cannot hold in any form: control characters, halves of surrogate pairs, and two non-characters.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(judgement: Judgement, path: Path) -> None:
    """Write a judgement as a JUnit file; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(junit(judgement))


def junit(judgement: Judgement) -> bytes:
    """Return a judgement as JUnit's XML: failed checks are failures, what cannot be judged is an error."""
    root = ET.Element("testsuites", _counts(judgement.checks, judgement.title, judgement.seconds))
    ordered = sorted(judgement.checks, key=lambda check: check.group)
    for group, of_group in groupby(ordered, key=lambda check: check.group):
        checks = tuple(of_group)
        suite = ET.SubElement(root, "testsuite", _counts(checks, group, 0.0))
        for check in checks:
            _case(suite, check)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _counts(checks: tuple[Check, ...], name: str, seconds: float) -> dict[str, str]:
    return {
        "name": _sayable(name),
        "tests": str(len(checks)),
        "failures": str(sum(check.outcome is Outcome.FAILED for check in checks)),
        "errors": str(sum(check.outcome is Outcome.CANNOT_JUDGE for check in checks)),
        "time": f"{seconds:.3f}",
    }


def _case(suite: ET.Element, check: Check) -> None:
    where = {"classname": f"mlpo-bench.{_sayable(check.group)}", "name": _sayable(check.name), "time": "0"}
    case = ET.SubElement(suite, "testcase", where)
    if check.outcome is Outcome.PASSED:
        ET.SubElement(case, "system-out").text = _sayable(check.message)
        return
    failed = check.outcome is Outcome.FAILED
    kind = {"message": _sayable(check.message), "type": "regression" if failed else "refusal"}
    ET.SubElement(case, "failure" if failed else "error", kind).text = _sayable(check.details or check.message)


def _sayable(text: str) -> str:
    """Return text with what XML cannot hold written as escapes."""
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
