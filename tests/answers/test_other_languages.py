"""Answers in the languages in which models fall into: what they declare, and what they leave open or deny."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("答案是选项A", "(A)"),
        ("答案是选项A。", "(A)"),
        ("答案为选项 B", "(B)"),
        ("正确答案是选项C", "(C)"),
        ("正确选项是D", "(D)"),
        ("所以答案是 (B) 选项", "(B)"),
        ("答えは選択肢Bです。", "(B)"),
        ("正しい選択肢はCです。", "(C)"),
        ("正确的是B", "(B)"),
        ("A opção B está correta.", "(B)"),
        ("정답은 선택지 B입니다.", "(B)"),
        ("La bonne réponse est donc la réponse B", "(B)"),
        ("La bonne réponse est donc B.", "(B)"),
        ("La réponse correcte est donc l'option (B).", "(B)"),
        ("La bonne option est la B.", "(B)"),
        ("L'option correcte est la D", "(D)"),
        ("L'option correcte est donc la (D).", "(D)"),
        ("La opción correcta es la B", "(B)"),
        ("La opción correcta es la opción B.", "(B)"),
        ("Por lo tanto, la opción correcta es la (D).", "(D)"),
        ("La respuesta correcta es la opción A) Lima", "(A)"),
        ("La respuesta correcta es, por lo tanto, la C.", "(C)"),
        ("La alternativa correcta es la B", "(B)"),
        ("Die richtige Option ist B.", "(B)"),
        ("Die richtige Antwort ist daher Antwort B.", "(B)"),
        ("Die richtige Antwort lautet also B.", "(B)"),
        ("Richtig ist Antwort B.", "(B)"),
        ("Antwort B ist richtig.", "(B)"),
        ("La risposta corretta è quindi la B.", "(B)"),
        ("La risposta corretta è l'opzione B.", "(B)"),
        ("L'opzione corretta è la B.", "(B)"),
        ("La risposta giusta è la lettera B.", "(B)"),
        ("A resposta correta é a alternativa B.", "(B)"),
        ("A alternativa correta é a B.", "(B)"),
        ("Portanto, a opção correta é (B).", "(B)"),
        ("A resposta correta é, portanto, a B.", "(B)"),
    ],
)
def test_the_option_is_read_however_it_is_called(text: str, letter: str) -> None:
    assert answers.read("option", text) == letter


@pytest.mark.parametrize(
    "text",
    [
        "答案不是选项A",
        "答案是A还是B\uff1f",
        "答案是A或者B",
        "答えはBまたはCです。",
        "정답은 B 또는 C입니다.",
        "정답은 B와 C입니다.",
        "La réponse n'est pas B",
        "La réponse est B ou C",
        "La bonne réponse est la B ou la C.",
        "La réponse est à Paris",
        "La opción correcta no es la B",
        "La opción correcta es la B o la C",
        "La respuesta es A veces",
        "Die Antwort ist nicht B.",
        "Die Antwort ist B oder C.",
        "Die richtigen Antworten sind B und C.",
        "Antwort B ist falsch.",
        "Antwort B ist nicht richtig.",
        "La risposta non è la B.",
        "La risposta è B o C",
        "A resposta não é B",
        "A resposta é B ou C",
        "A resposta é B e C.",
    ],
)
def test_no_option_is_read_where_it_is_denied_or_one_of_two(text: str) -> None:
    assert answers.read("option", text) is None


@pytest.mark.parametrize(
    "text",
    [
        "7개",
        "7입니다",
        "7개입니다.",
        "총 7개입니다.",
        "合計7個です。",
        "一共7个。",
        "7です",
        "7個です。",
        "7个",
        "7元",
        "답은 7개입니다.",
        "答えは7です。",
        "答案是7个。",
    ],
)
def test_what_stands_behind_a_number_in_east_asia_is_no_part_of_it(text: str) -> None:
    assert answers.read("number", text) == "7"


@pytest.mark.parametrize("text", ["7万", "答案是7万", "7割", "7개와 8개", "7または8です", "7個ではない", "3分の7です"])
def test_another_number_or_two_are_not_the_one(text: str) -> None:
    assert answers.read("number", text) is None


@pytest.mark.parametrize(
    ("form", "text", "verdict"),
    [
        ("yes_no", "是", "Yes"),
        ("yes_no", "是的。", "Yes"),
        ("yes_no", "否", "No"),
        ("yes_no", "不是", "No"),
        ("yes_no", "答案\uff1a是", "Yes"),
        ("yes_no", "答案是否", "No"),
        ("yes_no", "はい", "Yes"),
        ("yes_no", "いいえ、違います。", "No"),
        ("yes_no", "答えは「はい」です。", "Yes"),
        ("yes_no", "네", "Yes"),
        ("yes_no", "정답은 아니요입니다.", "No"),
        ("yes_no", "oui", "Yes"),
        ("yes_no", "La réponse est non.", "No"),
        ("yes_no", "<answer>Oui</answer>", "Yes"),
        ("yes_no", "nein", "No"),
        ("yes_no", "Ja, das stimmt.", "Yes"),
        ("yes_no", "Die Antwort ist Nein.", "No"),
        ("yes_no", "La respuesta es sí.", "Yes"),
        ("yes_no", "La respuesta es no.", "No"),
        ("yes_no", "La risposta è sì.", "Yes"),
        ("yes_no", "Não", "No"),
        ("yes_no", "A resposta é sim.", "Yes"),
        ("yes_no", "Ответ: нет", "No"),
        ("valid_invalid", "有效", "valid"),
        ("valid_invalid", "答案是无效", "invalid"),
        ("valid_invalid", "ungültig", "invalid"),
        ("valid_invalid", "La réponse est invalide.", "invalid"),
        ("valid_invalid", "Non valido.", "invalid"),
    ],
)
def test_a_verdict_is_read_in_other_languages(form: str, text: str, verdict: str) -> None:
    assert answers.read(form, text) == verdict


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yes_no", "是否"),
        ("yes_no", "答案是否正确\uff1f"),
        ("yes_no", "是或否"),
        ("yes_no", "是还是否\uff1f"),
        ("yes_no", "是, 否"),
        ("yes_no", "不知道"),
        ("yes_no", "Oui ou non"),
        ("yes_no", "Oui, ou non ?"),
        ("yes_no", "Ja oder nein"),
        ("yes_no", "Die Antwort ist ja oder nein."),
        ("yes_no", "Ja?"),
        ("yes_no", "Sí o no"),
        ("yes_no", "The answer is non-trivial."),
        ("yes_no", "Non seulement cela."),
        ("true_false", "是"),
        ("valid_invalid", "oui"),
        ("valid_invalid", "有效或无效"),
        ("valid_invalid", "gültig oder ungültig"),
    ],
)
def test_no_verdict_is_read_from_two_or_from_another_word(form: str, text: str) -> None:
    assert answers.read(form, text) is None
