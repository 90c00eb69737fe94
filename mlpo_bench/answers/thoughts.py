"""Takes a model's thoughts out of what it wrote: what it only considered is no answer.

Every pattern repeats only within small bounds, so that searching takes time linear in the text.
"""

from __future__ import annotations

import re


_TAGS = (
    r"(?:[a-z]{1,12}[:_-]?)?think(?:ing)?(?:_[a-z0-9_]{1,60})?|thoughts?|reasoning"
    r"|(?:inner|internal)[_-](?:monologue|thoughts?|reasoning)|scratchpad|chain[_-]of[_-]thought"
)
# The marks by which models begin a thought, or end it, or (the group `void`) end one where one has begun. Sources: the
# chat templates of Qwen, DeepSeek, Seed-OSS, LongCat, Hunyuan, MiniMax, Magistral, Kimi, Sky-T1, gpt-oss, Command A,
# Gemma 4, MedGemma, Apertus and Apriel, and Ollama's own words.
_THOUGHT = re.compile(
    rf"(?:<|&lt;)\s?(?P<tag>/?)\s?(?:{_TAGS})(?:\s[a-z]{{1,20}}=[^<>\n]{{0,80}}?)?\s?(?P<void_tag>/?)(?:>|&gt;)"
    r"|<\|(?P<pipe>/?)(?:think(?:ing)?|thought|reasoning)\|>|<\|(?:start|(?P<thinking>end))_thinking\|>"
    r"|\[(?P<bracket>/?)THINK\]|\u25c1(?P<triangle>/?)think\u25b7|<\|(?:begin|(?P<of>end))_of_thought\|>"
    r"|<\|channel\|>(?:(?P<channel>final)|analysis|commentary)[^<\n]{0,80}<\|message\|>|(?-i:(?P<stripped>assistantfinal))"
    r"|<\|channel>(?:thought|analysis)|(?P<turned><channel\|>)|<unused94>thought|(?P<unused><unused95>)"
    r"|<\|inner_(?:prefix|(?P<inner>suffix))\|>|(?P<response>\[BEGIN FINAL RESPONSE\])"
    r"|(?-i:\Aanalysis(?=[A-Z]))"
    r"|(?P<done>^\.\.\.done thinking\.[ \t]{0,4}$)"
    r"|(?P<void><\|(?:end|return|(?:begin|end)_of_solution|start\|>assistant)(?:\|>|(?<=assistant)))",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = (
    "tag", "pipe", "thinking", "bracket", "triangle", "of", "channel", "stripped", "turned", "unused", "inner",
    "response", "done",
)  # fmt: skip
# Thoughts in Markdown's own blocks: "```thinking", `<details type="reasoning">`
_BLOCK = re.compile(
    r"^[ \t]{0,8}(?P<fence>```|~~~)[ \t]?"
    r"(?:think(?:ing)?|thoughts?|reasoning|scratchpad|chain[_-]of[_-]thought)[ \t]{0,8}$"
    r"|<details\s(?:[a-z]{1,20}=[^<>\s]{0,80}\s){0,4}"
    r"(?:type|class)=[\"'](?:reasoning|thinking|thoughts?)[\"'][^<>\n]{0,200}>",
    re.IGNORECASE | re.MULTILINE,
)


def _without_blocks(text: str) -> str:
    """Return a text without blocks of Markdown that hold thoughts, and without what follows one that never closes."""
    kept, start = [], 0
    while block := _BLOCK.search(text, start):
        kept.append(text[start : block.start()])
        closing = f"\n{block['fence']}" if block["fence"] else "</details>"
        end = text.find(closing, block.end())
        start = len(text) if end < 0 else end + len(closing)
    return "".join([*kept, text[start:]])


def without_thoughts(text: str) -> str:
    """Return a text without what stands in `<think>` blocks and their kin.

    A block whose opening stands in the prompt (only `</think>` is seen) and one that was cut off before it closed are
    taken away too: a thought is no answer.
    """
    text = _without_blocks(text)
    kept: list[str] = []
    start, depth = 0, 0
    for tag in _THOUGHT.finditer(text):
        void = bool(tag["void"] or tag["void_tag"])
        closes = void or any(tag[name] for name in _CLOSING)
        if depth == 0 and closes and not void:
            kept.clear()
        elif depth == 0:
            kept.append(text[start : tag.start()])
        depth = 0 if closes else 1
        start = tag.end()
    if depth == 0:
        kept.append(text[start:])
    return "\n".join(kept)
