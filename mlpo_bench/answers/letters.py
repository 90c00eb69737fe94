"""How sentences name the letter of an option, deny it, and choose it: the patterns by which `option` reads.

Every pattern repeats only within small bounds, so that searching takes time linear in the text.
"""

from __future__ import annotations

import re


_NOUN = (
    r"(?:(?:the\s)?(?:(?:final|correct|right|best|only|remaining|valid|possible|likely|chosen)\s){0,3}"
    r"(?:option|choice|letter|answer|statement)s?)"
)
_MARKUP = r"[*_`\"'$\s]{0,4}"
_BRACKETED = r"[(\[{]\s?[A-Ra-r]\s?[)\]}]"
# A letter without brackets counts as written, and only before what may follow one: A and I are words, too.
_LETTER = (
    rf"{_MARKUP}(?:{_BRACKETED}|(?-i:[A-HJ-R])(?=[*_`\"'$)\]]{{0,4}}\s{{0,2}}(?:\Z|[.,;:!?\n\u2014]|-\s|(?-i:\((?=[a-z]))"
    r"|(?:is|are|must|seems|fits|works|matches|satisfies|describes|holds|remains|stands|follows|because|since|as|for|given|here|by|over|cannot"
    r"|and|or|nor|was)\b)))"
)
# Behind "option" even A and I are letters, whatever follows.
_CALLED = r"(?:(?:(?<=option\s)|(?<=choice\s)|(?<=letter\s))(?-i:[A-R])|(?<=answer\s)(?-i:[B-HJ-R]))\b(?!')"
LEAD_IN = re.compile(
    rf"(?:{_NOUN}\s?(?:is|would be|must be|should be|:)?\s?:?\s?"
    r"|(?:i\s(?:would\s)?(?:think|say|believe|guess|choose|pick|select|conclude)|i'd say|i am confident|i'm confident"
    r"|we (?:get|conclude|have))(?:\sthat)?\s?|that\s(?=it|the)|(?:it|this)(?:'s|\sis|\smust be|\sshould be)\s?"
    r"|(?:clearly|definitely|probably|likely|most likely|indeed|therefore|thus|so|simply|actually),?\s){1,4}",
    re.IGNORECASE,
)
STATED = re.compile(
    r"[*_`\"'$]{0,4}"
    r"(?:[(\[{]\s?(?P<inside>[A-R])\s?(?:[)\]}]|\Z)"
    r"|(?P<alone>[A-R])(?=[*_`\"'$]{0,4}\s{0,3}(?:\Z|[.,:;)!?*\]}\n]|[-\u2014]\s|\("
    r"|because\b|since\b|as\b|which\b|but\b|though\b|although\b|and\b|or\b|&|/)|[*_`\"'$]{0,4}\s?(?:[\u3040-\u30ff\uac00-\ud7a3]|\u662f?(?:\u6b63\u786e|\u5bf9))))"
    r"[*_`\"'$]{0,4}",
    re.IGNORECASE,
)
# A letter and a name: "B Tallinn". A and I are words, too.
NAMED_AFTER = re.compile(
    r"[*_`\"'$]{0,4}(?:(?P<alone>[B-HJ-R])[*_`\"'$]{0,4}\s(?=[\w\\$-])|(?P<article>A)[*_`\"'$]{0,4}\s(?=[A-Z0-9]))"
)
ANOTHER = re.compile(
    r"[\s,;/&]{0,4}(?:and/or\b|and\b|or\b|还是|或者?|和|または|또는|[와과]|(?:und|oder|ou|et|o|y|e|или|и)\b|,|;|/|&)"
    r"\s{0,3}(?:(?:possibly|maybe|perhaps|also|both|even|the|la|die|a|option)\s){0,2}[\s*_]{0,4}"
    r"(?:[(\[]\s?[A-Ra-r]\s?[)\]]|[A-R](?![a-zA-Z0-9_']|\s[a-z]))"
    r"|\s{0,3}[(\[][A-R][)\]]|\s{1,3}[A-R]\s{0,3}\Z"
)
# "B, but C is also possible", "A, but it could be B": two are left open.
OPEN = re.compile(
    rf"\b(?:could|might|may)\s(?:also\s|well\s|just as well\s|possibly\s|equally\s){{0,2}}be\s"
    rf"{_NOUN}?\s?(?P<one>{_BRACKETED}|(?-i:[A-R])\b)"
    rf"|(?P<other>{_BRACKETED}|(?-i:\b[A-R])\b)\s(?:is|seems|looks|could be|might be|may be|would be)\s"
    r"(?:also|equally|just as|as|another)\s(?:possible|plausible|likely|valid|good|correct|right|possibility)\b"
    rf"|\bbut\s(?:maybe|perhaps|possibly)\s(?P<third>{_BRACKETED}|(?-i:[A-R])\b)"
    rf"|(?P<fourth>{_BRACKETED}|(?-i:\b[A-R])\b)\s(?:works|fits|holds)\s(?:as well|too|equally|just as)\b",
    re.IGNORECASE,
)
NOT = re.compile(
    r"(?:definitely\s|certainly\s)?(?:not|neither|n't|anything but|no longer|never|far from)\s"
    rf"{_NOUN}?\s?(?:{_BRACKETED}|[A-R]\b)"
    rf"(?P<others>(?:\s?(?:,|or|nor|and)\s?(?:{_BRACKETED}|[A-R]\b)){{0,17}})"
    rf"(?:\s?[,;]?\s?(?:but|rather)\s(?:rather\s|it is\s)?(?P<but>.{{1,200}}))?",
    re.IGNORECASE | re.DOTALL,
)
TWICE_BRACKETED = re.compile(r"\[\[\s?([A-Ra-r])\s?\]\]")
IN_BRACKETS = re.compile(r"\(([A-R])\)")
NAMED = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)(?:\sis)?[\s:]{1,3}[*_]{0,2}([A-R])"
    r"(?=[*_\s]{0,4}(?:\Z|[.,:;)]|is\b|because\b|since\b|as\b))"
)
UNDECIDED = re.compile(r"\b(?:whether|look at|check|consider|examine|suppose|let me see|next)\b", re.IGNORECASE)
RULED_OUT = re.compile(
    rf"(?:\bnot|\bneither|\bnor|n't|cannot be|\bcan't be|\bcan it be|\bexcept|\brules? out|\bruled out"
    r"|\bexcludes?|\beliminates?|\binstead of"
    rf"|\brather than|\bunlike)\s(?:be\s)?{_NOUN}?\s?{_LETTER}(?:\s?(?:,|or|nor|and)\s?{_LETTER}){{0,17}}"
    rf"|{_LETTER}\s(?:is|are|was|cannot be|must be)\s(?:also\s)?"
    r"(?:not|false|wrong|incorrect|ruled out|out|taken|impossible|excluded|eliminated)\b"
    rf"|{_LETTER}\s(?:cannot|can't|can not|could not|isn't|is not|does not|doesn't)\b"
)
# "We have ruled out Riga (A)", "It cannot be Tallinn (B)": the name of an option stands between it and what denies it.
DENYING = re.compile(
    r"\b(?:not|cannot|never|neither|nor|rules?|ruled|rejects?|rejected|eliminates?|eliminated|excludes?|excluded|discard(?:ed)?"
    r"|instead of|rather than|except|unlike|anything but|far from|no longer)\b[^.,;:!?()\n]{0,60}\([A-R]\)"
    r"|n't\b[^.,;:!?()\n]{1,60}\([A-R]\)",
    re.IGNORECASE,
)
# A name with its letter, as the last that is said: "The wren is the rightmost (C)."
NAMED_AT_END = re.compile(
    r"[\W_]{0,8}(?:the|this|that|it|its|so|hence|therefore|thus)\b[^\n.!?()]{0,120}?\b(?:is|are|was|were)\b"
    r"[^\n.!?()]{1,80}\s[*_]{0,2}\((?P<at>[A-R])\)[*_.!\s]{0,6}",
    re.IGNORECASE,
)
ENTRY = re.compile(r"[\s*_\-]{0,6}\(?([A-Z])[).:]\s")
ONE_ENTRY = re.compile(
    r"[*_`\s>-]{0,6}(?:(?:option|choice)\s(?=[A-R(]))?"
    r"(?:\(?(?P<letter>[A-Ra-r])\s?(?:[).:][):]?|-(?=\s))\s{1,3}|(?-i:(?P<bare>[B-HJ-R])\s(?=[A-Z0-9])))(?P<text>\S[^\n]{0,300})",
    re.IGNORECASE,
)
# An entry of which something is said: "(A) is wrong", "A. Tartu lies inland", "(A) breaks clue one".
JUDGED = re.compile(
    r"\b(?:not|isn't|cannot|can't|doesn't|breaks?|fails?|contradicts?|violates?|wrong|incorrect|false|ruled|eliminated"
    r"|impossible)\b|\([A-R]\)"
)
# "Between B and C, I'd choose B": what is chosen from is not what is chosen.
CHOSEN_FROM = re.compile(
    rf"\A[\W_]{{0,8}}(?:so\s)?(?:between|of|out of|from|among|considering)\s(?:just\s|only\s|{_NOUN}\s)?"
    rf"(?:{_BRACKETED}|(?-i:[A-R])\b)(?:(?:,\s(?:and\s|or\s)?|\s(?:and|or)\s)(?:{_BRACKETED}|(?-i:[A-R])\b)){{1,6}},\s",
    re.IGNORECASE,
)
JSON_VALUE = re.compile(r"\{\s?[\"']\w{1,20}[\"']\s?:\s?[\"']?([^\"'}]{1,200})")
ALONE = re.compile(
    r"(?:=>|->|\u2192|>)?[*_`\"'$\s]{0,6}(?:[选選][择擇]?\s?|(?:[Oo]ption|[Cc]hoice|[Ll]etter|[Ss]election|[Cc]orrect|[Pp]robably|[Ll]ikely"
    r"|[Cc]learly|[Dd]efinitely)\s?:?\s"
    r"|(?:[Mm]y\s|[Oo]ur\s)?(?:[Ff]inal|[Ss]olution|[Rr]esponse|[Dd]ecision|[Cc]onclusion|[Rr]esult|[Vv]ote|[Pp]ick"
    r"|[Cc]onsensus(?:\sanswer)?|[Mm]ajority(?:\s(?:answer|vote))?|[Vv]erdict|[Vv]iew|[Oo]pinion|[Cc]hoice)"
    r"[*_]{0,2}\s?:[*_]{0,2}\s)?(?:[(\[]?([A-R])[)\]]?|\{([A-R])\})[.*_`\"'$\s]{0,6}"
    r"(?:,?\s(?:I|i)(?:'d|\s(?:would|am|'m))?\s(?:think|believe|guess|suppose|say|sure)\W{0,3}|\s\((?=(?:I|I'm|the|an?|not)\s|[A-Za-z][a-z]{3})[^()\n]{2,80}\)\.?"
    r"|(?:,|\s[-\u2014])\s(?:because|since)\s[^\n]{2,400})?"
)
BRACKETED_ALONE = re.compile(r"[*_`\"'$\s]{0,6}(?:\(([a-r])\)|([b-hj-r])[.)])[.*_`\"'$\s]{0,6}")
ALL_BUT = re.compile(
    r"\b(?:rules? out|eliminates?|excludes?)\s(?:everything|all|every option|all options)\s(?:but|except)\s"
    rf"(?:{_NOUN}\s)?"
    rf"(?P<left>{_BRACKETED}|(?-i:[A-R])\b)|"
    rf"\b(?:all|every|each)\b[^.,;:!?]{{0,30}}\b(?:except|but|other than)\s(?:for\s)?(?:{_NOUN}\s)?"
    rf"(?P<at>{_MARKUP}(?:{_BRACKETED}|(?-i:[A-R])\b))"
    r"\s(?:contradicts?|fails?|breaks?|violates?"
    r"|(?:are|is|were|can be|must be)\s(?:wrong|false|incorrect|ruled|eliminated))",
    re.IGNORECASE,
)
CONCLUDING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # (B) is the correct answer
        (
            rf"(?:\A|[\s,:;*(])(?:{_NOUN}\s)?(?P<at>{_LETTER})[*_]{{0,2}}\)?\s?(?:[^.,;:!?]{{0,60}}?\s)?"
            r"(?:is|must be|seems|remains)\s(?:clearly\s|therefore\s|thus\s|indeed\s|the\s|my\s|our\s|final\s){0,3}"
            r"(?:only\s|most\s|more\s)?"
            r"(?:one\s(?:that|left)|(?<=\smost\s)\w{4,14}|(?<=\smore\s)\w{4,14}|correct|right|true|best|closest|nearest|intended|exception|better\s(?:one|choice|option|answer|fit)|answer|left|likely|plausible|(?<=\sonly\s)(?:option|choice|statement))\b"
        ),
        # option B (Tallinn) is correct; (B), Tallinn, is the right choice
        (
            rf"\b{_NOUN}\s(?P<at>{_CALLED}|{_MARKUP}{_BRACKETED})[*_]{{0,2}}"
            r"(?:\s?\((?!(?:or\s|and\s)?\s?[A-R]\s?\))[^()\n]{1,60}\)|,\s[^,.;:!?()\n]{1,60},)\s"
            r"(?:is|must be|seems|remains)\s(?:clearly\s|therefore\s|thus\s|indeed\s|the\s|our\s|my\s|only\s){0,3}"
            r"(?:correct|right|true|best|answer|left|choice|option)\b"
        ),
        # I change my answer from A to B
        (
            r"\b(?:updat|chang|switch|revis|mov|correct)(?:e|ed|ing)?\b[^.!?\n]{0,40}\bfrom\s"
            rf"(?:{_NOUN}\s)?(?:{_MARKUP}{_BRACKETED}|(?-i:[A-R])\b)\sto\s(?:{_NOUN}\s)?(?P<at>{_LETTER}|{_CALLED}|(?-i:A)\Z)"
        ),
        # A is my final answer; the closest is D; the consensus is B
        (
            rf"\A[\W_]{{0,6}}(?:so\s|thus\s|hence\s)?(?P<at>{_BRACKETED}|(?-i:[A-R])\b)\sis\s(?:my|our)\s"
            r"(?:final\s|best\s){0,2}(?:answer|choice|pick|guess)\b"
        ),
        (
            r"\bthe\s(?:closest|nearest|best|likeliest|most\s[a-z]{4,14}|consensus)"
            r"(?:\s(?:one|match|fit|value|guess|bet|estimate|candidate|answer))?\s(?:is|would be|seems to be|must be)\s"
            rf"(?:therefore\s|thus\s|probably\s|clearly\s)?(?P<at>{_LETTER})"
            r"(?=[*_`\"'$)]{0,4}(?:[.,;!]|\Z|\s(?:because|since)\b))(?![^.!?\n]{0,200}\b(?:but|however|though)\b)"
        ),
        # my best guess is B
        rf"\bmy\s(?:best\s|final\s)?(?:guess|choice|pick|vote)\s(?:is|would be)\s(?P<at>{_LETTER})",
        # option B fits best
        rf"(?:\A|[\s,:;*]){_NOUN}\s(?P<at>{_LETTER})\s(?:fits|works|matches|holds|remains|stands|follows)\b",
        # B fits best; D satisfies every clue
        (
            rf"(?:\A|[\s,:;*(])(?P<at>{_LETTER})[*_]{{0,2}}\)?\s(?:fits?|works?|match(?:es)?|suits?|describes?|answers?)\b"
            r"[^.,;:!?]{0,60}\b(?:best|better|exactly|perfectly)\b"
        ),
        (
            rf"(?:\A|[\s,:;*(])(?P<at>{_LETTER})[*_]{{0,2}}\)?\s(?:fits|satisfies|meets|matches"
            rf"|agrees with|is consistent with)\s"
            r"(?:with\s)?(?:all|every|everything|each|both)\b"
        ),
        # I would pick B; which leaves (D); what is left is option D
        (
            r"\b(?:prefer|pick|picks|picking|choose|choosing|selecting|mean|meant|makes it|select"
            r"|go with|going with|opt for"
            r"|settle on|settle for|lean to|lean towards?"
            r"|(?:leaves|leaving)(?:\s(?:us|me)\swith)?|left with|left is|remains|vote for|think|believe|guess|say"
            r"|answer|chosen|picked|selected|conclude"
            r"|stick with|stay with|keep|(?:answer|change|switch|changing|switching) to)\s(?:only\s|just\s|that\s)?"
            rf"(?:it is\s|it's\s)?(?:{_NOUN}\s(?:is\s)?)?(?P<at>{_CALLED}|{_LETTER}|(?-i:A)(?=\sas\s(?:the|my)\b))"
        ),
        # Actually it is (C); it should be B
        (
            r"\b(?:it|this|that)(?:'s|\sis|\smust be|\sshould be|\shas to be|\swould be)\s"
            r"(?:(?:actually|rather|really|probably|likely|most likely|definitely|clearly|certainly|therefore)\s)?"
            rf"(?:{_NOUN}\s)?(?P<at>{_LETTER})"
            r"(?=[*_`\"'$)]{0,4}(?:[.,;:!]|\s-|\sbecause|\ssince|\Z))"
        ),
        # Antwort B ist richtig; la opción (C) es correcta
        (
            r"\b(?:antwort|option|réponse|opción|respuesta|opzione|risposta|opção|alternativa|resposta)\s"
            rf"(?P<at>{_BRACKETED}|(?-i:[A-R])\b)\s(?:ist|est|es|è|é|está)\s(?:la\s|a\s|die\s)?"
            r"(?:richtige?|korrekte?|correcte?|juste|bonne|correcta|corretta|giusta|correta|certa)\b"
        ),
        # only option (C) satisfies the clues; this matches option C; a good guess would be C
        rf"\bonly\s(?:{_NOUN}\s)?(?P<at>{_MARKUP}{_BRACKETED}|[A-R]\b)(?=\s[a-z])",
        rf"\b(?:matches|corresponds to|points to|equals|supports|namely|is)\s{_NOUN}\s(?P<at>{_LETTER})",
        rf"\b{_NOUN}\s(?:is|would be|must be|should be)\s?:?\s?(?P<at>{_LETTER})",
        rf"\b(?:would|must|should|has to|have to)\sbe\s(?P<at>{_LETTER})\s?[.!]?\Z",
        # that makes B the answer; that gives answer B; the owl, option B, is the last; (B), not (A)
        rf"\bmakes\s(?P<at>{_BRACKETED}|(?-i:[A-R])\b)\s(?:the|our|my)\s(?:\w{{2,12}}\s){{0,2}}(?:answer|choice|option|one)\b",
        rf"\banswer\s(?P<at>{_BRACKETED}|(?-i:[A-HJ-R])\b)\W{{0,4}}\Z",
        rf",\s{_NOUN}\s(?P<at>{_CALLED}),\s(?:is|has|was)\b",
        rf"\A[\W_]{{0,6}}(?P<at>{_BRACKETED}|(?-i:[A-R])\b)(?:[\s,.*_]{{2,8}}|\sit\sis\W{{0,4}})\Z",
        # the correct one is B; the last is the wren (option C)
        rf"\b(?:correct|right|best|true)\sone\s(?:is|must be)\s(?:therefore\s)?(?P<at>{_LETTER})",
        rf"\((?:i\.e\.,?\s|that is,?\s)?{_NOUN}\s(?P<at>{_CALLED})\)\W{{0,4}}\Z",
        # Option (A) correctly describes it; no, (B); therefore C is the change
        rf"{_NOUN}\s(?P<at>{_BRACKETED}|(?-i:[A-R])\b)\s(?:correctly|best|accurately|properly)\b",
        rf"\A\W{{0,4}}(?:(?:no|wait|actually|sorry|edit|correction)[,:]?\s){{1,3}}(?P<at>{_LETTER})\W{{0,4}}\Z",
        (
            r"\A[\W_]{0,8}(?:and\s)?(?:therefore|thus|so|hence)\b[,:]?\s(?P<at>(?-i:[B-HJ-R]))\s(?:is|must be)\s"
            r"(?!(?-i:[A-R])\b)(?:(?!\b(?-i:[A-R])\b)[^.!?]){1,80}[.!]?\Z"
        ),
        # which corresponds to (D); ... -> option C
        (
            r"\b(?:matches|(?:corresponds|corresponding|points) to|that is,|namely,?|i\.e\.,?)\s"
            rf"(?P<at>{_MARKUP}{_BRACKETED})\W{{0,6}}\Z"
        ),
        rf"(?:[\u2192\u21d2]|->)\s?{_NOUN}\s(?P<at>{_CALLED})\W{{0,6}}\Z",
        # Hence, B.
        (
            r"\A[\W_]{0,8}(?:and\s)?(?:therefore|thus|so|hence|finally|overall|conclusion|consequently"
            r"|by (?:process of )?elimination)\b[,:]?\s"
            rf"(?:it is\s|it's\s)?(?:{_NOUN}\s)?(?P<at>{_LETTER})[*_`\"'$)\]]{{0,4}}\s?(?:\Z|[.,!]\Z|[.,:;)!]\s)"
        ),
        # The odd one out is (C).
        (
            rf"(?:\b(?:is|are|be|:)|[=\u2192\u21d2]|->)\s?(?:{_NOUN}\s)?(?P<at>{_MARKUP}{_BRACKETED})"
            r"(?:(?!\s\([A-R]\))[^.!?\n]){0,80}[.!]?\Z"
        ),
    )
)
