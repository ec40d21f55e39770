"""The words that headers of columns use, in English and Chinese, and how a header is compared with them.

A word stands here in lower case, in simplified characters, and without spaces and signs, as `plain` writes headers.
"""

import re

_LANGUAGES = {
    "English": ("en", "eng", "英文", "英语"),
    "German": ("de", "deu", "ger", "deutsch", "德文", "德语"),
    "French": ("fr", "fra", "fre", "français", "francais", "法文", "法语"),
    "Chinese": ("zh", "zho", "cn", "zhcn", "中文", "汉语"),
    "Spanish": ("es", "spa", "español", "espanol", "西班牙语"),
    "Italian": ("it", "ita", "italiano", "意大利语"),
    "Portuguese": ("pt", "por", "português", "葡萄牙语"),
    "Dutch": ("nl", "nld", "nederlands", "荷兰语"),
    "Polish": ("pl", "pol", "polski", "波兰语"),
    "Russian": ("ru", "rus", "俄文", "俄语"),
    "Arabic": ("ar", "ara", "阿拉伯语"),
    "Hindi": ("hi", "hin", "印地语"),
    "Japanese": ("ja", "jpn", "日文", "日语"),
    "Korean": ("ko", "kor", "韩文", "韩语"),
    "Vietnamese": ("vi", "vie", "越南语"),
    "Thai": ("th", "tha", "泰语"),
    "Indonesian": ("id", "ind", "印尼语"),
    "Turkish": ("tr", "tur", "türkçe", "土耳其语"),
}
_LANGUAGE_OF = {word: name for name, words in _LANGUAGES.items() for word in (*words, name.lower())}

_SIMPLIFIED = str.maketrans(
    "問題輸對話標籤譯類別總結內評論說統訊會應複詢極續", "问题输对话标签译类别总结内评论说统讯会应复询极续"
)
"""Headers are compared in simplified characters."""


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


QUESTION = _words("question query 问题 提问 问 询问 问句 用户问题")
ANSWER = _words("answer answers reply 答案 回答 答复 答 答句 标准答案 参考答案")
_TEXT = _words("text content sentence review message 正文 文本 内容 句子 评论 文字")

CHAT = _words("messages conversations conversation chat dialog dialogue chosen 对话 会话 消息 聊天")
CHAT_QUESTIONS = _words("input inputs prompt 输入")
CHAT_ANSWERS = _words("output outputs completion 输出")
SYSTEM = _words("system systemprompt 系统")
SOURCE = _words("source sourcetext src original 原文 源文 源语言")
TARGET = _words("target targettext tgt translation 译文 翻译 目标 目标语言")
CONTEXT = _words("context passage paragraph background 上下文 段落 背景 语境 文章 材料")
INSTRUCTION = _words("instruction task 指令 说明 任务")
INSTRUCTION_INPUT = _words("input context 输入 上下文")
INSTRUCTION_OUTPUT = _words("output response answer completion reply 输出 回答 回复 答案")
PROMPT = ("prompt", *QUESTION, *_words("input user human ask 提示 提示词 输入 用户"))
COMPLETION = (
    "completion",
    *ANSWER,
    *_words("response output assistant bot chosen target 输出 回复 回应 补全 完成 续写 助手"),
)
DOCUMENT = (*_words("document dialogue article report 文章 文档 原文 对话 会话"), *_TEXT)
SUMMARY = _words("summary highlights abstract tldr headline headlines 摘要 总结 概要 概括")
FIRST_TEXT = (*_TEXT, *_words("sentence1 text1 premise question1 comment tweet reviewtext headline title"))
SECOND_TEXT = _words("sentence2 text2 hypothesis question2")
LABEL = _words(
    "label labels category class sentiment intent emotion polarity stars rating 标签 类别 分类 情感 情绪 意图 评分 星级"
)
PLAIN_TEXT = (*_TEXT, *_words("document article story 文章 文档"))

_KNOWN: frozenset[str] = frozenset().union(
    *(CHAT, CHAT_QUESTIONS, CHAT_ANSWERS, SYSTEM, SOURCE, TARGET, QUESTION, CONTEXT, ANSWER),
    *(INSTRUCTION, INSTRUCTION_INPUT, INSTRUCTION_OUTPUT, PROMPT, COMPLETION, DOCUMENT, SUMMARY),
    *(FIRST_TEXT, SECOND_TEXT, LABEL, PLAIN_TEXT),
)
_MAX_NAME_CHARS = 60


def is_known(column: str) -> bool:
    """Whether a header uses a word that some format knows."""
    return len(column) <= _MAX_NAME_CHARS and plain(column) in _KNOWN


def plain(column: str) -> str:
    """A header as it is compared: without capitals, spaces and signs, in simplified characters."""
    return "".join(char for char in column.lower().translate(_SIMPLIFIED) if char not in " _-.:#\u3000\ufeff")


def last_word(column: str) -> str:
    """Of a header with several ("airline_sentiment"), as it is compared."""
    return plain(re.split(r"[ _.-]+", column.strip())[-1])


def language_of(column: str) -> str:
    """The English name of the language that a column is named after ("de", "German", "German sentences"), or ""."""
    name = column.rsplit(".", 1)[-1]
    words = (_LANGUAGE_OF.get(word, "") for word in re.findall(r"[a-z]{5,}", name.lower()))
    return _LANGUAGE_OF.get(plain(name), "") or next(filter(None, words), "")
