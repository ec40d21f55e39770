"""The words that headers of columns use, in the large languages, and how a header is compared with them.

A word stands here as people write it, without spaces; `plain` makes it what headers are compared with.
"""

import re
import unicodedata
from functools import lru_cache

_SIMPLIFIED = str.maketrans(
    "問題輸對話標籤譯類別總結內評論說統訊會應複詢極續覆復", "问题输对话标签译类别总结内评论说统讯会应复询极续复复"
)
"""Headers are compared in simplified characters."""
_REMARK = re.compile(r"(?:(?<!\s)\s++)?[(（\[][^()（）\[\]]*+[)）\]]\s*+$")
_ACCENTS = re.compile("[\u0300-\u036f]")
_ARABIC_THE = "ال"
_MAX_NAME_CHARS = 60
_MAX_SPLIT_CHARS = 16


@lru_cache(maxsize=4096)
def plain(column: str) -> str:
    """A header as it is compared: without capitals, accents, spaces, signs and a remark in brackets behind it, in
    simplified characters."""
    name = _REMARK.sub("", column) or column
    name = _ACCENTS.sub("", unicodedata.normalize("NFKD", name.casefold().translate(_SIMPLIFIED)))
    name = "".join(char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char)[0] in "LNM")
    return name.removeprefix(_ARABIC_THE) if len(name) > 3 else name


def last_word(column: str) -> str:
    """Of a header with several ("airline_sentiment"), as it is compared."""
    return plain(re.split(r"[ _.-]+", column.strip())[-1])


def _words(*listed: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain(word) for words in listed for word in words.split()))


QUESTION = _words(
    "question query questions q 问题 提问 问 询问 问句 用户问题 pregunta preguntas consulta pergunta",
    "perguntas demande frage fragen domanda domande vraag fråga spørgsmål spørsmål kysymys pytanie otázka",
    "вопрос вопросы питання запитання въпрос kérdés întrebare ερώτηση soru سؤال السؤال پرسش سوال שאלה प्रश्न",
    "सवाल প্রশ্ন கேள்வி ప్రశ్న 質問 問い 질문 문제 câuhỏi คำถาม pertanyaan soalan swali klausimas jautājums",
    "küsimus vprašanje pitanje",
)
ANSWER = _words(
    "answer answers reply a answerkey correctanswer rightanswer goldanswer bestanswer answertext 答案 回答",
    "答复 答 答句 标准答案 参考答案 respuesta respuestas contestación resposta respostas réponse réponses",
    "antwort antworten risposta risposte antwoord svar vastaus odpowiedź odpověď odpoveď ответ ответы",
    "відповідь отговор válasz răspuns απάντηση cevap yanıt جواب الجواب إجابة الإجابة پاسخ תשובה उत्तर जवाब",
    "উত্তর பதில் సమాధానం 答え 返答 解答 답변 답 대답 응답 trảlời câutrảlời đápán คำตอบ jawaban jawapan jibu",
    "atsakymas atbilde vastus odgovor",
)
_TEXT = _words(
    "text content sentence review message texts 正文 文本 内容 句子 评论 文字 texto texte testo tekst текст",
    "metin نص متن szöveg κείμενο teksti पाठ テキスト 本文 텍스트 본문 vănbản ข้อความ teks frase oración satz",
    "phrase zdanie предложение reseña avis bewertung kommentar comentario commentaire комментарий отзыв yorum",
    "تعليق コメント レビュー 리뷰 댓글 mensaje mensagem nachricht messaggio wiadomość сообщение mesaj",
)

CHAT = _words(
    "messages conversations conversation chat dialog dialogue dialogs turns chatmessages 对话 会话 消息 聊天",
    "conversación conversa gespräch conversazione rozmowa диалог sohbet محادثة 会話 대화 hộithoại",
)
CHAT_QUESTIONS = _words("input inputs prompt prompts question instruction query context history 输入")
CHAT_ANSWERS = _words("output outputs completion completions response answer 输出")
SYSTEM = _words(
    "system systemprompt systemmessage persona personas rôle systemtext 系统 系统提示 人设 システム 시스템",
)
HISTORY = _words(
    "history chathistory conversationhistory dialoguehistory previousturns previous past 历史 历史对话",
    "historial",
)
TOOLS = _words("tools functions toolset")
CHOICES = _words(
    "choices options endings candidates 选项 opciones opções antwortmöglichkeiten варианты 選択肢 선택지",
)
SOURCE = _words(
    "source sourcetext src srctext original 原文 源文 源语言 origen fuente origem quelle quelltext sorgente",
    "źródło исходный оригинал kaynak المصدر स्रोत 원문 nguồn sumber",
)
TARGET = _words(
    "target targettext tgt tgttext translation translated 译文 翻译 目标 目标语言 traducción tradução",
    "traduction übersetzung traduzione vertaling tłumaczenie překlad перевод çeviri ترجمة الترجمة अनुवाद 翻訳",
    "번역 번역문 bảndịch คำแปล terjemahan",
)
SOURCE_LANGUAGE = _words("sourcelang sourcelanguage srclang srclanguage langfrom languagefrom fromlang langsrc")
TARGET_LANGUAGE = _words(
    "targetlang targetlanguage tgtlang tgtlanguage langto languageto tolang langtgt lang language",
)
CONTEXT = _words(
    "context passage paragraph background article document story evidence knowledge reference premise sqlcontext",
    "schema ddl createtable tabledefinition 上下文 段落 背景 语境 文章 材料 contexto contexte kontext",
    "contesto kontekst контекст bağlam سياق السياق संदर्भ 文脈 문맥 지문 ngữcảnh บริบท konteks artículo artigo",
    "artikel articolo artykuł статья makale مقال 記事 pasaje passagem absatz paragraphe абзац",
)
INSTRUCTION = _words(
    "instruction task instructions 指令 说明 任务 instrucción instrução consigne anweisung aufgabe istruzione",
    "instructie instrukcja polecenie инструкция задание інструкція talimat تعليمات निर्देश 指示 命令 지시",
    "지시문 명령 hướngdẫn คำสั่ง instruksi perintah",
)
INPUT = _words(
    "input 输入 entrada entrée eingabe invoer wejście ввод вход girdi إدخال مدخل इनपुट 入力 입력 đầuvào",
    "masukan",
)
_OUTPUT = _words(
    "output 输出 salida saída sortie ausgabe uitvoer wyjście вывод выход çıktı إخراج مخرج आउटपुट 出力 출력",
    "đầura keluaran",
)
INSTRUCTION_INPUT = (*INPUT, *CONTEXT, *QUESTION)
BETTER = _words(
    "chosen preferred preferredoutput responsej better betterresponse betteranswer chosenresponse win winner",
)
WORSE = _words(
    "rejected nonpreferred nonpreferredoutput dispreferred responsek worse worseresponse worseanswer",
    "rejectedresponse lose loser",
)
INSTRUCTION_OUTPUT = (*_OUTPUT, *_words("response answer completion reply"), *ANSWER, *BETTER)
VAGUE_PROMPT = ("context", "history", "text", "sentence")
"""What is a question only where nothing else is."""
PROMPT = (
    *_words("prompt sqlprompt problem naturallanguage nlquery nlquestion ctx goal startphrase sent1 front"),
    *QUESTION,
    *INPUT,
    *_words("user human ask post utterance 提示 提示词 用户 プロンプト 프롬프트 промпт"),
    *VAGUE_PROMPT,
)
COMPLETION = (
    "completion",
    *ANSWER,
    *_words("response"),
    *_OUTPUT,
    *_words(
        "assistant bot gpt target sql sqlquery query code solution back 回复 回应 补全 完成 续写 助手 応答 返信 답글"
    ),
    *BETTER,
)
DOCUMENT = (
    *_words(
        "document post body dialogue article report 文章 文档 原文 对话 会话 artículo artigo artikel articolo статья"
    ),
    *_TEXT,
)
SUMMARY = _words(
    "summary highlights abstract tldr headline headlines 摘要 总结 概要 概括 resumen resumo résumé",
    "zusammenfassung riassunto sommario samenvatting streszczenie souhrn резюме аннотация özet ملخص सारांश",
    "要約 요약 tómtắt สรุป ringkasan",
)
FIRST_TEXT = (
    *_TEXT,
    *_words("sentence1 text1 premise question1 string1 1string comment tweet reviewtext headline title utterance post"),
)
SECOND_TEXT = _words("sentence2 text2 hypothesis question2 string2 2string question")
LABEL = _words(
    "labeltext labelname labelnames labelstr label labels category class classname sentiment intent emotion",
    "emotions categories intents classes sentiments topics genres overall",
    "polarity topic stars rating quality target tag genre gold 标签 类别 分类 情感 情绪 意图 评分 星级 话题",
    "主题 etiqueta categoría clase sentimiento tema rótulo classe sentimento étiquette catégorie kategorie",
    "klasse stimmung thema etichetta etykieta kategoria метка категория класс тональность тема etiket sınıf",
    "kategori duygu تصنيف فئة लेबल श्रेणी ラベル カテゴリ 感情 분류 라벨 레이블 감정 nhãn ป้าย kelas",
)
PLAIN_TEXT = (
    *_TEXT,
    *_words("document article story 文章 文档 poem lyrics chapter caption captions transcription transcript"),
)
SPEAKER = _words("speaker role author sender from who name 说话人 发言人 角色 speakername")
SPLIT = _words("split subset partition set fold datasplit usage 划分")
_TRAINING = re.compile(r"train|trn|learn")
_TESTING = re.compile(r"test|tst|dev|val|heldout|holdout")
MARK = _words(
    "ktotag iscorrect correct isgood good accepted isaccepted approved thumbsup upvoted ispreferred train",
    "trainable label",
)
RATING = _words("rating overallscore score stars reward quality helpfulness 评分 星级 puntuación bewertung оценка")
PARENT = _words("parentid parent parentmessageid replyto inreplyto repliesto")
OWN_ID = _words("id messageid rowid msgid uuid postid turnid")
GROUP = _words(
    "conversationid dialogueid dialogid chatid sessionid threadid convid conversation dialogue session 会话id",
)

_KNOWN: frozenset[str] = frozenset().union(
    *(CHAT, CHAT_QUESTIONS, CHAT_ANSWERS, SYSTEM, SOURCE, TARGET, QUESTION, CONTEXT, ANSWER),
    *(INSTRUCTION, INSTRUCTION_INPUT, INSTRUCTION_OUTPUT, PROMPT, COMPLETION, DOCUMENT, SUMMARY),
    *(FIRST_TEXT, SECOND_TEXT, LABEL, PLAIN_TEXT, HISTORY, CHOICES, TOOLS, SOURCE_LANGUAGE, TARGET_LANGUAGE),
)


def split_named(name: str) -> str:
    """ "train" or "test" for what stands in a column of splits, in whatever words; "" for anything else."""
    folded = plain(name)
    if len(folded) > _MAX_SPLIT_CHARS:
        return ""
    return "train" if _TRAINING.search(folded) else "test" if _TESTING.search(folded) else ""


def is_known(column: str) -> bool:
    """Whether a header uses a word that some format knows."""
    return len(column) <= _MAX_NAME_CHARS and plain(column) in _KNOWN
