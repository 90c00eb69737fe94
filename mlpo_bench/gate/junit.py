"""A judgement as JUnit's XML, as build servers read it: a test suite for each group, a test case for each check."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mlpo_bench.gate.checks import Outcome
from mlpo_bench.log import outputs
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.gate.checks import Check, Judgement


def write_junit(judgement: Judgement, path: Path) -> None:
    """Write a judgement as a JUnit file; folders are made as needed.

    Raises:
        UsageError: it is the place of something else, or cannot be written.
    """
    outputs.write(path, junit(judgement), outputs.JUNIT, folders=True)


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
        "name": visible(name),
        "tests": str(len(checks)),
        "failures": str(sum(check.outcome is Outcome.FAILED for check in checks)),
        "errors": str(sum(check.outcome is Outcome.CANNOT_JUDGE for check in checks)),
        "time": f"{seconds:.3f}",
    }


def _case(suite: ET.Element, check: Check) -> None:
    where = {"classname": f"mlpo-bench.{visible(check.group)}", "name": visible(check.name), "time": "0"}
    case = ET.SubElement(suite, "testcase", where)
    if check.outcome is Outcome.PASSED:
        ET.SubElement(case, "system-out").text = visible(check.message)
        return
    failed = check.outcome is Outcome.FAILED
    kind = {"message": visible(check.message), "type": "regression" if failed else "refusal"}
    ET.SubElement(case, "failure" if failed else "error", kind).text = visible(check.details or check.message)
