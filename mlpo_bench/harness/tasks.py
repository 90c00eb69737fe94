"""A suite's tasks for lm-eval: a task for each subject and a group of them all, made here or written as YAML.

What `tasks/` holds is what `write` makes of the suites that are built in; a test holds the two together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from lm_eval.api.group import Group
from lm_eval.config.group import GroupConfig
from lm_eval.tasks import TaskManager

from mlpo_bench.errors import UsageError
from mlpo_bench.harness import documents
from mlpo_bench.questions import SUITES


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lm_eval.api.task import ConfigurableTask

    from mlpo_bench.questions import Suite


VERSION = 2.0
"""The version of every task, which lm-eval prints: another one when prompts or readers change what scores mean."""

_NAME = re.compile(r"^(?:task|group): (mlpo_[\w-]+)$", re.MULTILINE)
_METRICS = {"acc": True, "unread": False}  # and whether more of it is better


def names(suite: Suite) -> dict[str, str]:
    """Return the name of each subject's task, by subject."""
    return {subject: f"mlpo_{suite.name}_{subject}" for subject in suite.subjects}


def group_name(suite: Suite) -> str:
    """Return the name of the group of a suite's tasks."""
    return f"mlpo_{suite.name}"


def load(suite: Suite, split: str, data: Path | None) -> tuple[Group, dict[str, ConfigurableTask]]:
    """Have lm-eval make a suite's tasks; return their group, and the tasks by name.

    Args:
        suite: The suite.
        split: `train`, `test` or `all`.
        data: A folder with the suites' published files.
    """
    metadata = {"split": split, "data": None if data is None else str(data)}
    manager = TaskManager(include_defaults=False, metadata=metadata)
    shared = _shared(suite)
    tasks = manager.load([shared | _own(suite, subject) for subject in suite.subjects])["tasks"]
    described = _group(suite)
    group = Group.from_config(GroupConfig(**described | {"metadata": described["metadata"] | metadata}))
    for task in tasks.values():
        task.sampler = None  # it holds every worked example that there could be, and a run shows none
        group.add(task)
    return group, tasks


def check_names(suites: Iterable[Suite], folder: Path) -> None:
    """Check that lm-eval knows no other suite's task or group by the name of one of these.

    Args:
        suites: Those that are to be written.
        folder: Where to; it may hold tasks of others, each suite's in its own folder.

    Raises:
        UsageError: It does: of two tasks of one name it would ask whichever it comes to first.
    """
    known = {name: each.name for each in SUITES.values() for name in _all_names(each)}
    for path in sorted(folder.glob("*/*.yaml")):
        known |= dict.fromkeys(_told_in(path), path.parent.name)
    for suite in suites:
        for name in _all_names(suite):
            if (owner := known.setdefault(name, suite.name)) != suite.name:
                raise UsageError(
                    f"lm-eval would know tasks of {owner!r} and of {suite.name!r} by one name, {name}; rename the file "
                    "of one of the two."
                )


def _all_names(suite: Suite) -> list[str]:
    return [group_name(suite), *names(suite).values()]


def _told_in(path: Path) -> list[str]:
    """Return what a task file calls its task or its group."""
    return _NAME.findall(path.read_text(encoding="utf-8", errors="replace"))


def write(suite: Suite, folder: Path) -> None:
    """Write a suite's tasks into a folder that nobody else writes to, as `files` names them."""
    for name, content in files(suite).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def files(suite: Suite) -> dict[str, bytes]:
    """Return a suite's tasks as files for `lm-eval --include_path`, in a folder of their own."""
    shared = f"# What every task of {suite.title} shares. Each subject's file adds its name."
    texts = {"_base": f"{shared}\n{_yaml(_shared(suite))}", "_group.yaml": _yaml(_group(suite))}
    for subject in suite.subjects:
        texts[f"{subject}.yaml"] = _yaml({"include": "_base"} | _own(suite, subject))
    return {f"{suite.name}/{name}": text.encode() for name, text in texts.items()}


def _shared(suite: Suite) -> dict[str, Any]:
    return {
        "output_type": "generate_until",
        "custom_dataset": documents.build,
        "test_split": "test",
        "fewshot_split": "train",
        "doc_to_text": "{{question}}\n\n{{instruction}}",
        "doc_to_target": "{{answer}}",
        "fewshot_config": {
            # A worked example shows the answer as it is to be written.
            "doc_to_target": "<answer>{{answer}}</answer>" if suite.gold_is_answer else documents.target,
            "target_delimiter": "\n",
        },
        "process_results": documents.process_results,
        "generation_kwargs": {
            # Nothing but its own end stops a model: any string here could stand in the middle of a peer's message.
            "until": [],
            "max_gen_toks": suite.max_tokens,
        },
        "filter_list": [
            {
                "name": "read",
                "filter": [{"function": "custom", "filter_fn": documents.read}, {"function": "take_first"}],
            }
        ],
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": better} for metric, better in _METRICS.items()
        ],
    }


def _own(suite: Suite, subject: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"version": VERSION, "suite": suite.reference or suite.name, "subject": subject}
    if suite.answer_format:
        metadata["format"] = suite.answer_format
    return {"task": names(suite)[subject], "metadata": metadata}


def _group(suite: Suite) -> dict[str, Any]:
    return {
        "group": group_name(suite),
        "group_alias": suite.title,
        "task": list(names(suite).values()),
        "aggregate_metric_list": [
            {"metric": metric, "filter_list": "read", "aggregation": "mean", "weight_by_size": True}
            for metric in _METRICS
        ],
        "metadata": {"version": VERSION},
    }


class _Dumper(yaml.SafeDumper):
    """Writes functions as lm-eval reads them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent lists, as people do."""
        super().increase_indent(flow, indentless=False)


def _function(dumper: _Dumper, function: Callable[..., Any]) -> yaml.Node:
    return dumper.represent_scalar("!function", f"{function.__module__}.{function.__qualname__}")


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    """Keep templates and line breaks on one line, in double quotes."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if {"{", "\n"} & set(text) else None)


_Dumper.add_multi_representer(type(_function), _function)
_Dumper.add_representer(str, _text)


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
