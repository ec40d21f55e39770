"""Texts in old encodings are read letter by letter, in the languages of Europe, the near and the far east."""

import pytest

from playground.data.readers.encoding import decode
from playground.errors import DataError

_TEXTS = {
    "Czech": ("Kdo vaří večeři? Můj děda, když prší. Žádný strýc nepřišel.", "cp1250 iso8859_2"),
    "Polish": ("Gdzie są moje buty? Leżą pod łóżkiem, a książka też tam jest.", "cp1250 iso8859_2"),
    "Hungarian": ("Mikor jön az erdő őre? Délután öt körül, ha süt a nap.", "cp1250 iso8859_2"),
    "Croatian": ("Tko će doći večeras? Šest ljudi, možda još više žena.", "cp1250 iso8859_2"),
    "German": ("Wer hört die Vögel? Die süße Oma, früh um fünf, draußen.", "cp1252 mac_roman"),
    "French": ("Où était l'élève? À la forêt, près du château, très tôt.", "cp1252 mac_roman"),
    "Spanish": ("¿Quién llegó mañana? El niño pequeño, según mamá.", "cp1252"),
    "Swedish": ("När går tåget? Klockan två, från spår åtta på söndag.", "cp1252"),
    "Icelandic": ("Hvað er þetta? Það er gömul bók á borðinu við dyrnar.", "cp1252"),
    "Turkish": ("Çocuklar nerede oynuyor? Bahçede, ağacın altında, akşam üstü.", "cp1254"),
    "Greek": ("Τι ώρα φεύγει το τρένο; Στις οκτώ, από την άλλη πλευρά.", "cp1253 iso8859_7"),
    "Russian": ("Кто живёт в этом доме? Старый лесник и его собака.", "cp1251 koi8_u cp866 mac_cyrillic iso8859_5"),
    "Ukrainian": ("Хто живе в цій хаті? Її дід і його собака, їм добре.", "cp1251"),
    "Lithuanian": ("Kur eina vaikai? Į mišką, nes ten šiandien gražu ir šilta.", "cp1257"),
    "Latvian": ("Kur iet bērni? Uz mežu, jo tur šodien ir ļoti jauki un silti.", "cp1257"),
    "Hebrew": ("מי גר בבית הזה? היערן הזקן והכלב שלו, ליד הנהר.", "cp1255"),
    "Arabic": ("من يسكن في هذا البيت؟ الحارس القديم وكلبه بجانب النهر.", "cp1256"),
    "Thai": ("ใครอยู่ในบ้านหลังนี้ คนเฝ้าป่าเก่าและสุนัขของเขา", "cp874"),
    "Japanese": ("この家に誰が住んでいますか。森の番人と犬です。", "cp932 euc_jp"),
    "Korean": ("이 집에 누가 살고 있나요? 숲을 지키는 사람과 개가 있습니다.", "cp949"),
}


@pytest.mark.parametrize("language", _TEXTS)
def test_is_read_letter_by_letter(language: str) -> None:
    text, encodings = _TEXTS[language]
    for encoding in encodings.split():
        assert decode(f"question,answer\n{text}\n".encode(encoding))[0] == f"question,answer\n{text}\n", encoding


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("Alla människor är födda fria och lika i värde.", "cp1252 cp850 mac_roman"),
        ("Kõik inimesed sünnivad vabadena ja võrdsetena.", "cp1252 cp1257"),
        ("Alle mennesker er født frie og lige i værdighed.", "cp1252 cp850 mac_roman"),
    ],
)
def test_a_sign_within_a_word_is_a_letter(text: str, encodings: str) -> None:
    """Defends short texts with few letters beyond ASCII's: a quote or an ideograph amid them is none."""
    for encoding in encodings.split():
        assert decode(f"question,answer\nx,{text}\n".encode(encoding))[0] == f"question,answer\nx,{text}\n", encoding


def test_signs_alone_are_those_of_an_editor() -> None:
    """Defends English with a dash or the sign of a currency, from which no language can be told."""
    for text in ("“Why?” – for 5 €", "It’s here…"):
        assert decode(text.encode("cp1252"))[0] == text


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(DataError, match="Save the file as UTF-8"):
        decode(b"question,answer\n" + bytes(range(0x80, 0x100)) * 3)
