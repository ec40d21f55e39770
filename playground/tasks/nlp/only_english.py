"""What is said instead of babble to who asks a model in a language that it does not know."""

import re

from playground.tasks.nlp.languages import detect_with_probability

_SURE = 0.9
"""A greeting, a name or a line of code is never so sure to be in a language."""
_QUOTED = re.compile(
    r"```.*?(?:```|$)|`[^`]*`|https?://\S+|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」", re.DOTALL
)
_ENGLISH = re.compile(
    r"\b(?:the|what|who|why|how|when|where|which|this|these|does|and|are|you|your|with|about|from|please|write|tell|give|make|say|"
    r"explain|translate|translation|mean|means|meaning|summari[sz]e|rewrite|english|language|lyrics|recipe|hello)\b",
    re.IGNORECASE,
)
"""Words of English alone: whoever uses one asks in English, whatever it is that they ask about."""

SENTENCES = {
    "German": "Dieses Modell spricht nur Englisch. Frag auf Englisch, oder lass die Seite mit einem größeren Modell "
    "starten (PLAYGROUND_MODEL).",
    "French": "Ce modèle ne parle qu’anglais. Posez la question en anglais, ou faites démarrer la page avec un modèle "
    "plus grand (PLAYGROUND_MODEL).",
    "Spanish": "Este modelo solo habla inglés. Pregunte en inglés, o haga que la página se inicie con un modelo más "
    "grande (PLAYGROUND_MODEL).",
    "Italian": "Questo modello parla solo inglese. Fai la domanda in inglese, oppure fai avviare la pagina con un "
    "modello più grande (PLAYGROUND_MODEL).",
    "Portuguese": "Este modelo só fala inglês. Pergunte em inglês ou inicie a página com um modelo maior "
    "(PLAYGROUND_MODEL).",
    "Dutch": "Dit model spreekt alleen Engels. Stel de vraag in het Engels, of laat de pagina starten met een groter "
    "model (PLAYGROUND_MODEL).",
    "Polish": "Ten model mówi tylko po angielsku. Zapytaj po angielsku albo uruchom stronę z większym modelem "
    "(PLAYGROUND_MODEL).",
    "Russian": "Эта модель говорит только по-английски. Спросите по-английски или запустите страницу с моделью "
    "побольше (PLAYGROUND_MODEL).",
    "Chinese": "这个模型只会英语。请用英语提问，或者用更大的模型启动本页面（PLAYGROUND_MODEL）。",
    "Japanese": "このモデルは英語しか話せません。英語で質問するか、より大きなモデルでこのページを起動してください"
    "（PLAYGROUND_MODEL）。",
    "Korean": "이 모델은 영어만 할 수 있습니다. 영어로 질문하거나 더 큰 모델로 이 페이지를 시작하세요 "
    "(PLAYGROUND_MODEL).",
    "Arabic": "هذا النموذج يتحدث الإنجليزية فقط. اطرح سؤالك بالإنجليزية، أو شغّل الصفحة بنموذج أكبر (PLAYGROUND_MODEL).",
    "Hindi": "यह मॉडल केवल अंग्रेज़ी जानता है। अंग्रेज़ी में पूछें, या इस पेज को किसी बड़े मॉडल के साथ शुरू करें (PLAYGROUND_MODEL)।",
    "Turkish": "Bu model yalnızca İngilizce biliyor. İngilizce sorun ya da sayfayı daha büyük bir modelle başlatın "
    "(PLAYGROUND_MODEL).",
    "Vietnamese": "Mô hình này chỉ biết tiếng Anh. Hãy hỏi bằng tiếng Anh, hoặc khởi động trang với một mô hình lớn "
    "hơn (PLAYGROUND_MODEL).",
    "Thai": "โมเดลนี้รู้เฉพาะภาษาอังกฤษ โปรดถามเป็นภาษาอังกฤษ หรือเปิดหน้านี้ด้วยโมเดลที่ใหญ่กว่า (PLAYGROUND_MODEL)",
    "Indonesian": "Model ini hanya bisa berbahasa Inggris. Bertanyalah dalam bahasa Inggris, atau jalankan halaman ini "
    "dengan model yang lebih besar (PLAYGROUND_MODEL).",
}
"""By language; each says that the model speaks only English, and how to get one that speaks more."""


def only_english(text: str) -> str | None:
    """The sentence in the language of `text` where that is surely not English; what is quoted does not count, nor code.

    The first time it takes seconds, for the detector.
    """
    own = _QUOTED.sub(" ", text)
    if not own.strip() or (own.isascii() and len(own.split()) < 3) or _ENGLISH.search(own):
        return None
    language, probability = detect_with_probability(own)
    return SENTENCES.get(language) if probability >= _SURE else None
