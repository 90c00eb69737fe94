"""Where a text in another language declares its answer, and its words for yes and no, valid and invalid.

Every pattern is for lower-case text and repeats only within small bounds.
"""

from __future__ import annotations

import re


_EAST_ASIAN = re.compile(
    r"(?:答案|答え|正解|正确的(?=是)|正しい選択肢|正しいの|正确(?:的)?选项|正確(?:的)?選項|选择"
    r"|(?:故|因此|所以|本题|(?<!不)应该?)选"
    r"|정답|(?<![가-힣])답(?=\s?(?::|은)))"
    r"\s{0,2}(?:应该?[是为]|是|为|為|选|選|は|은|:|(?=[a-z(]))\s{0,2}:?"
    r"(?:\s?(?:选项|選項|選択肢|선택지|보기)(?=\s{0,2}[(a-z]))?"
    r"|选项(?=\s?\(?[a-z]\)?\s?是?(?:正确|对))"  # "option B is right"
)
_ANSWER = r"(?:antwort|lösung|réponse|reponse|respuesta|risposta|resposta|ответ)"
_OPTION = (
    r"(?:options?|opción|opcion|opção|opcao|opzione|alternativa|alternative|choix|auswahl|wahl|letra|lettre|lettera"
    r"|buchstabe)"
)
_RIGHT = r"(?:correcta|correcte|corretta|correta|final[ae]?|richtige|juste|exacte|giusta|esatta|certa)"
_SO = (
    r"(?:,?\s(?:donc|alors|bien|par conséquent|daher|also|deshalb|somit|folglich|quindi|dunque|pertanto|perciò"
    r"|por (?:lo )?tanto|entonces|portanto|logo|então),?(?=\s))?"
)
# "La bonne réponse est donc la réponse B", "Die richtige Option ist B", "A alternativa correta é a B"
_ROMANCE_AND_GERMAN = re.compile(
    rf"\b(?:{_ANSWER}(?:\s{_RIGHT})?|{_OPTION}\s{_RIGHT}"
    rf"|(?:richtige|korrekte|beste|bonne|meilleure|mejor|migliore|melhor)\s{_OPTION}|richtig(?=\sist\s))"
    rf"\s{{0,2}}(?:(?:ist|lautet|est|es|è|é)\b{_SO}|:|-|—)\s{{0,2}}:?"
    rf"(?:\s?(?:la|a|die|der|el|il|le|o)?\s?(?:l')?(?:{_OPTION}|{_ANSWER})\b(?:\s{_RIGHT})?"
    r"|\s?(?:la|die|a|el|le|il)(?=\s(?:[a-r]\b|\([a-r]\))))?"
)
# In the languages of Vietnam, Indonesia, Poland, Czechia, Turkey, the Netherlands, Sweden, Norway, Denmark, Finland,
# Hungary, Romania, Ukraine, Greece, Israel, Arabia, Iran, India, Bangladesh and Thailand.
_FURTHER = re.compile(
    r"(?:\b(?:\u0111\u00e1p \u00e1n|c\u00e2u tr\u1ea3 l\u1eddi|jawab(?:an|nya)|jawapan|odpowied[\u017az]"
    r"|odpov\u011b\u010f|cevap|yan\u0131t|antwoord|svaret|svar|vastaus|v\u00e1lasz|r\u0103spuns(?:ul)?"
    r"|\u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434\u044c"
    r"|\u03b1\u03c0\u03ac\u03bd\u03c4\u03b7\u03c3\u03b7|(?:\u05d4)?\u05ea\u05e9\u05d5\u05d1\u05d4)"
    r"|\u0627\u0644[\u0625\u0627]\u062c\u0627\u0628\u0629|\u0627\u0644\u062c\u0648\u0627\u0628|\u067e\u0627\u0633\u062e"
    r"|\u0909\u0924\u094d\u0924\u0930|\u091c\u0935\u093e\u092c|\u0989\u09a4\u09cd\u09a4\u09b0|\u0e04\u0e33\u0e15\u0e2d\u0e1a)"
    r"(?:\s(?:\u0111\u00fang|cu\u1ed1i c\u00f9ng|(?:yang\s)?(?:benar|tepat|betul)|akhir|ko\u0144cowa"
    r"|corect|final|\u0627\u0644\u0635\u062d\u064a\u062d\u0629"
    r"|\u0627\u0644\u0646\u0647\u0627\u0626\u064a\u0629|\u0627\u0644\u0635\u062d\u064a\u062d)){0,2}"
    r"\s{0,2}(?:(?:l\u00e0|adalah|ialah|to|brzmi|je|is|\u00e4r|er|on|este"
    r"|\u03b5\u03af\u03bd\u03b1\u03b9|\u05d4\u05d9\u05d0)\b"
    r"|(?:\u0647\u064a|\u0647\u0648|\u0939\u0948|\u0e04\u0e37\u0e2d)(?=[\s:])|[:\u2014]|-(?=\s))\s{0,2}:?"
)
# A number with what it counts and the verb that closes its sentence: "7개입니다", "7個です", "7个"; not "7万", which is
# another number, nor "7割", which is a share.
_COUNTED = re.compile(
    r"(?:(?:총|모두|一共有?|总共有?|共|合計|全部で)\s?)?(?P<number>[-+$]{0,2}[0-9][0-9,.]{0,40}(?<![,.]))\s?"
    r"(?:개|명|마리|권|장|살|원|시간|분|일|년|個|个|人|名|本|枚|匹|台|冊|回|歳|岁|円|元|块|只|支|次|天|年|小时|小時|時間|分钟|公里|米)?"
    r"(?:입니다|이다|이에요|예요|です|である|だ|になります)?[\s.。!]{0,3}"
)


def without_counter(text: str) -> str:
    """Return the number that a text consists of with what East Asian languages put behind it; any other text whole."""
    counted = _COUNTED.fullmatch(text)
    return str(counted["number"]) if counted else text


_YES = r"(?:oui|ja|jawohl|sí|sì|sim|да|tak|evet|はい|네|예|是的?|对的?)"
_NO = r"(?:non|nein|não|nao|нет|nie|hay\u0131r|いいえ|아니[요오]|否|不是|不)"
_VALID = r"(?:valid[aeo]|válid[oa]|gültig|schlüssig|有效的?|有効|유효|妥当)"
_INVALID = (
    r"(?:invalid[aeo]|inválid[oa]|non valid[aeo]|no válid[oa]|ungültig|nicht (?:gültig|schlüssig)|无效的?|無効|무효)"
)
# A word for a verdict, and nothing but a reason or a remark behind it; "是否" and "oui ou non" are none.
_VERDICT = re.compile(
    rf"[\s*_`\"'「『“]{{0,6}}(?:(?P<Yes>{_YES})|(?P<No>{_NO})|(?P<invalid>{_INVALID})|(?P<valid>{_VALID}))"
    r"[*_`\"'」』”]{0,4}(?:です|だ|입니다|이다|합니다)?(?=\s{0,3}(?:\Z|[.,:;!(\n—]|-\s))(?P<rest>.{0,400})",
    re.IGNORECASE | re.DOTALL,
)
_ANY = re.compile(rf"(?<![\w-])(?:{_YES}|{_NO}|{_VALID}|{_INVALID})(?![\w-])|\b(?:ou|oder|yes|no|si)\b", re.IGNORECASE)
_NEAR = 20


def verdict(text: str) -> str | None:
    """Return the verdict that a text opens with in another language, "Yes" or "No", "valid" or "invalid", or None.

    Where another such word stands right behind it, the text may name both.
    """
    said = _VERDICT.match(text)
    if said is None or said["rest"].rstrip().endswith("?") or _ANY.search(said["rest"][:_NEAR]):
        return None
    return next(name for name in ("Yes", "No", "invalid", "valid") if said[name])


DECLARING = (_EAST_ASIAN, _ROMANCE_AND_GERMAN, _FURTHER)
