r"""The marks of chat templates (`<|im_end|>`, `</s>`) that stand in a text because a server or a tokenizer left them.

What a model writes behind the end of its turn is no more its answer: it goes on as the user, or starts anew.
"""

from __future__ import annotations

import re

from mlpo_bench.answers.thoughts import without_thoughts


_BAR = r"[|\uff5c]"
_GAP = r"[_\u2581]"
_ENDS = (
    rf"<{_BAR}(?:im{_GAP}end|eot{_GAP}id|eom{_GAP}id|eo[st]|end{_GAP}of{_GAP}(?:text|turn|sentence|role)|endof(?:text|turn|assistant)"
    rf"|assistant{_GAP}end|end{_GAP}of{_GAP}turn{_GAP}token|end{_GAP}response|text{_GAP}end|role{_GAP}end){_BAR}>"
    r"|\[\|endofturn\|\]|<end_of_(?:turn|utterance)>|<turn\|>|<eos>|\[eos\]|\[UNUSED_TOKEN_145\]|<\|?endoftext\|?>"
)
_OPENING_S = re.compile("<s>", re.IGNORECASE)
# What opens somebody else's turn: the model's own has ended before it.
_OTHERS = (
    rf"(?:<{_BAR}(?:im_start|start_header_id|role_start|turn|header_start){_BAR}?>|<start_of_turn>)\s?(?:user|human|system)\b"
    rf"|<{_BAR}(?:user|human|user_start|user_token){_BAR}>|\[\|user\|\]|\[INST\]"
)
# Where an end is spoken of, and not reached: "the token `<|im_end|>`", "<|im_end|> is a token".
_END = re.compile(
    rf"(?<![`\"'])(?:(?P<end>{_ENDS})|(?P<s></s>)|(?:{_OTHERS}))(?![`\"']|[ \t]{{1,4}}[a-z])", re.IGNORECASE
)
_BOX = re.compile(r"<\|begin_of_box\|>(.{0,2000}?)<\|end_of_box\|>", re.DOTALL)
_HEADER = re.compile(
    rf"<{_BAR}(?:im_start|start_header_id|role_start|header_start){_BAR}>\s?(?:assistant|user|system|model|human)?"
    rf"(?:\s?<{_BAR}(?:end_header_id|role_end|header_end|im_sep|im_middle){_BAR}>)?"
    r"|<start_of_turn>\s?(?:model|user|system)?|<\|turn>\s?(?:model|user|system)?",
    re.IGNORECASE,
)
_MARK = re.compile(
    rf"<{_BAR}/?[a-z][a-z0-9_\u2581]{{2,40}}{_BAR}>|{_ENDS}|</?s>|<(?:bos|pad|unused[0-9]{{1,5}})>|\[(?:bos|pad)\]|\[/?INST\]"
    r"|<</?SYS>>|\[\|(?:assistant|user|system)\|\]|\[UNUSED_TOKEN_[0-9]{1,4}\]|\[(?:BEGIN|END) FINAL RESPONSE\]",
    re.IGNORECASE,
)

_USER_SPEAKS = re.compile(r"^[ \t]{0,3}(?:\#{1,4}\s?)?\*{0,2}(?:Human|User)\*{0,2}\s?:", re.MULTILINE)
# A model that was not taught turns goes on with the next question of a list: behind its answer, and once.
_ASKED_ANEW = re.compile(r"\n[ \t]*\n[ \t]{0,3}(?:#{1,4}\s?)?\*{0,2}(?:Question|Q)\s?:")
_ANSWERED = re.compile(
    r"(?:</answer>|\\boxed|\banswer\b[^\n]{0,20}(?:\bis\b|:))[^\n]{0,200}\Z"
    r"|\A\W{0,6}(?:[a-r]|-?[0-9][0-9.,]{0,20}|yes|no|true|false|(?:in)?valid)\W{0,4}\Z",
    re.IGNORECASE,
)


def _of_the_user(text: str) -> re.Match[str] | None:
    """Return where a text goes on as the user, or with another question behind the answer to its own."""
    if user := _USER_SPEAKS.search(text):
        return user
    anew = _ASKED_ANEW.search(text)
    return anew if anew and _ANSWERED.search(text[max(0, anew.start() - 300) : anew.start()].rstrip()) else None


def own_turn(text: str) -> str | None:
    """Return a text up to where its writer's turn ends: by a mark, or as the user is made to speak.

    None where it ends by neither. What a thought quotes ends no turn.
    """
    if _END.search(text) is None and _USER_SPEAKS.search(text) is None and _ASKED_ANEW.search(text) is None:
        return None
    text = without_thoughts(text)
    opened = _OPENING_S.search(text)
    start, written = 0, False
    for end in _END.finditer(text):
        written = written or bool(_MARK.sub("", _HEADER.sub("", text[start : end.start()])).strip())
        start = end.start()
        # What stands between <s> and </s> is struck out, as HTML has it, or is a sequence that is marked as a whole.
        if written and not (end["s"] and opened and opened.start() < start):
            return text[:start]
    user = _of_the_user(text)
    return text[: user.start()] if user and text[: user.start()].strip() else None


def without_marks(text: str) -> str:
    """Return a text without the marks of chat templates in it; what GLM boxes in marks of its own is boxed."""
    if "<" not in text and "[" not in text:
        return text
    text = _BOX.sub(lambda box: rf"\boxed{{{box[1].strip()}}}", text)
    return _MARK.sub(" ", _HEADER.sub("\n", text))
