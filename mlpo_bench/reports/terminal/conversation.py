"""A conversation as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.panel import Panel
from rich.rule import Rule

from mlpo_bench.chat import with_thinking
from mlpo_bench.reports.terminal.console import shown


if TYPE_CHECKING:
    from rich.text import Text

    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.reports.terminal.console import Console


def print_conversation(
    cell: Cell, conversation: dict[str, Any], console: Console, *, prompts: bool, gold: str | None = None
) -> None:
    """Print a conversation as it stands in a transcript file. Model text is shown as text, whatever is in it.

    `gold` is the right answer; None where the suite's data are not at hand.
    """
    console.print(Rule(shown(f"{conversation['question']}  {cell.name}", "bold")))
    if "error" in conversation:
        console.print(f"Not answered: {conversation['error']}", style="red")
        return
    if not prompts:
        question = conversation["turns"][0]["read"][-1]["content"]
        console.print(Panel(shown(question), title="question", border_style="dim"))
    for turn in conversation["turns"]:
        if prompts:
            for message in turn["read"]:
                console.print(
                    Panel(
                        shown(message["content"]),
                        title=shown(f"{turn['seat']} reads ({message['role']})"),
                        border_style="dim",
                    )
                )
        written = with_thinking(turn.get("reasoning"), turn["text"])
        console.print(Panel(shown(written), title=_title(turn), title_align="left"))
    for one in conversation.get("altered", ()):
        left_out = one["text"] is None
        console.print(
            Panel(
                shown("nothing: it was left out" if left_out else one["text"]),
                title=shown(f"what others read of {one['seat']} in round {one['round'] + 1} instead"),
                title_align="left",
                border_style="yellow",
            )
        )
    verdict = "right" if conversation["right"] else "wrong"
    answer = "no answer could be read" if conversation["answer"] is None else f"answer {conversation['answer']!r}"
    console.print(f"Final: {answer}, {verdict}", style="green" if conversation["right"] else "red")
    console.print(
        f"Right answer: {'not known (the data are not at hand; name them with --data)' if gold is None else repr(gold)}"
    )


def _title(turn: dict[str, Any]) -> Text:
    unread = "refused" if turn.get("refused") else "unread"
    answer = unread if turn["answer"] is None else f"answer {turn['answer']!r}"
    cut = ", cut off" if turn["finish_reason"] == "length" else ""
    tokens = f"{turn['prompt_tokens'] + turn['cached_tokens']} tokens in, {turn['completion_tokens']} out"
    about = "about " * turn.get("estimated", False)
    return shown(f"round {turn['round'] + 1}, {turn['seat']}: {answer}{cut} ({about}{tokens})")
