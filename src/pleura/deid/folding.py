"""Map every spelling of a letter to a few plain forms, so that all spellings of a name match.

`tokens` cuts a text into words of one kind of script. `spellings` gives the plain forms of a name,
`readings` those of a word in a text. A word matches a name where both have a form in common.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

_TRANSLITERATIONS = """
ø:o,oe  ö:o,oe  ő:o,oe  œ:oe,o  ō:o,ou,oo,oh  ô:o,ou,oo
å:a,aa  ä:a,ae  æ:ae,a,e  ā:a,aa
ü:u,ue,y  ű:u,ue  ū:u,uu  û:u,uu  ı:i  ī:i,ii
ß:ss,sz,s  ł:l  đ:d,dj  ð:d,dh,th  þ:th,t,d  ħ:h  ŋ:ng,n  ŧ:t,th  ĸ:k,q  ə:e,a  ɛ:e  ɔ:o
č:c,ch,cz  ć:c,ch  ç:c,ch,s  š:s,sh,sch,sz  ş:s,sh  ș:s,sh  ś:s,sh  ž:z,zh  ż:z,zh  ź:z,zh
ñ:n,ny,nn  ņ:n,ny  ň:n,ny  ğ:g,gh  ř:r,rz  ț:t,ts  ţ:t,ts
ȩ:e  ɓ:b  ɗ:d  ƙ:k  ƴ:y  ɖ:d  ƒ:f  ƶ:z
ʼ:  ʻ:  ʹ:  ـ:  ー:,う  ｰ:,う
"""
SPELLINGS = {entry[0]: tuple(entry[2:].split(",")) for entry in _TRANSLITERATIONS.split()}
"""Letters with several transliterations, the usual one first; an empty one is often left out."""

_SHORTENED = "oe:o ae:a ue:u aa:a ss:s sz:ss th:t dj:d dh:d ou:o oo:o uu:u oh:o zh:z sh:s ch:c"
SHORTENED = tuple(tuple(entry.split(":")) for entry in _SHORTENED.split())
"""Single plain letters that headers use for letters of `SPELLINGS`."""

_GROUPS = (
    "萧蕭 张張 陈陳 刘劉 杨楊 黄黃 赵趙 吴吳呉 孙孫 马馬 许許 郑鄭 谢謝 "
    "邓鄧 冯馮 蒋蔣 叶葉 苏蘇 卢盧 罗羅 钟鍾鐘 钱錢 谭譚 韩韓 贾賈 龙龍竜 "
    "国國 岛島嶋嶌 广廣広 真眞 惠恵 实實実 荣榮栄 伟偉 华華 丽麗 军軍 强強 "
    "东東 杰傑 涛濤 红紅 兰蘭 凤鳳 严嚴 范範 泷瀧滝 条條 关關関 学學 寿壽 "
    "礼禮 贵貴 宝寶 静靜 颖穎 洁潔 宁寧 飞飛 欧歐 陆陸 赖賴 阎閻闫 顾顧 "
    "龚龔 汤湯 万萬 庄莊 吕呂 单單 邹鄒 聂聶 阳陽 庞龐 云雲 庆慶 义義 胜勝 "
    "伦倫 贤賢 达達 运運 远遠 锋鋒 铭銘 锦錦 顺順 爱愛 晓曉暁 梦夢 瑶瑤 "
    "琼瓊 枫楓 边邊邉辺 斋齋齊斎斉齐 高髙 崎﨑嵜 滨濱濵浜 德徳 泽澤沢 樱櫻桜 "
    "桥橋 铃鈴 冈岡 渊淵渕 盐鹽塩 户戶戸 黑黒 清淸 吉𠮷 尧堯 弥彌 骏駿 彦彥 "
    "绫綾 绘繪絵 结結 纯純 纪紀 绪緒 绢絹 诚誠 谦謙 赞贊 轩軒 辉輝煇 连連 "
    "进進 逊遜 钧鈞 铁鐵鉄 长長 门門 闻聞 风風 鹏鵬 鸿鴻 麦麥 龄齡 温溫 "
    "娄婁 蓝藍 鲁魯 韦韋 项項 缪繆 芦蘆 苍蒼 诸諸 贺賀 车車 辽遼 邝鄺 闵閔 "
    "隽雋 饶饒 骆駱 鲍鮑 仪儀 优優 传傳 侠俠 仓倉 凯凱 刚剛 劲勁 卫衞衛 "
    "坚堅 妍姸 娇嬌 婵嬋 宪憲 宽寬 将將 尔爾 岚嵐 岭嶺 峡峽 峰峯 帅帥 "
    "应應応 开開 怀懷 恒恆 悦悅 扬揚 晋晉 晖暉 机機 权權 来來 柏栢 栋棟 "
    "树樹 桢楨 标標 欢歡 汉漢 沧滄 浚濬 润潤 济濟 渐漸 满滿 滢瀅 灿燦 炜煒 "
    "烁爍 焕煥 玮瑋 玺璽 珑瓏 琏璉 璎瓔 画畫 睿叡 祯禎 禄祿 竞競 笃篤 绍紹 "
    "维維 缘緣 群羣 联聯 肃肅 腾騰 艺藝芸 芗薌 苇葦 莲蓮 莹瑩 蔼藹 蕴蘊 "
    "观觀 誉譽 语語 诗詩 谊誼 谨謹 贝貝 贞貞 赟贇 跃躍 轮輪 迈邁 适適 钰鈺 "
    "钢鋼 锐銳 镇鎮 韵韻 顶頂 颂頌 飒颯 骁驍 鲜鮮 鸣鳴 鹤鶴"
)
"""Chinese characters that names have in several forms: simplified, traditional, Japanese.

A selection, made by hand, of those that are frequent in names.
"""
_VARIANTS = {other: group[0] for group in _GROUPS.split() for other in group[1:]}

_CYRILLIC = dict(zip("аеорсухіјѕкмтвнһԁґ", "aeopcyxijskmtbhhdr", strict=True))
_GREEK = dict(zip("αβεικνορτυχ", "abeiknoptux", strict=True))
_TO_LATIN = str.maketrans(_CYRILLIC | _GREEK)
_TO_CYRILLIC = str.maketrans(dict(zip("aeopcyxijskmtbh", "аеорсухіјѕкмтвн", strict=True)))
_TO_GREEK = str.maketrans({latin: greek for greek, latin in _GREEK.items()})
"""Letters of other scripts that look like Latin ones: a keyboard in the other layout mixes them."""

_SAME_LETTER = str.maketrans(
    {
        "ς": "σ",
        "ם": "מ",
        "ן": "נ",
        "ץ": "צ",
        "ף": "פ",
        "ך": "כ",
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ة": "ه",
        "ھ": "ه",
    }
    | dict(zip("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかけ", strict=True))
    | _VARIANTS
)
_KATAKANA, _TO_HIRAGANA = range(0x30A1, 0x30F7), 0x60
_RANGES = (
    "0E01-0EFF 1000-109F 1780-17FF 2E80-2FDF 3005-3007 3040-30FF 3100-318F 31A0-31FF 3400-9FFF "
    "A960-A97F AC00-D7FF F900-FAFF FF66-FFDC 20000-3FFFF"
)
_CONTINUOUS = tuple(tuple(int(end, 16) for end in ends.split("-")) for ends in _RANGES.split())
"""Scripts without spaces between words, or with particles attached to a name.

These are Thai, Burmese, Khmer, Chinese, kana and Hangul.
"""

_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters without a glyph that Unicode counts as letters or marks."""

_JAMO = re.compile("[ᄀ-ᇿ]")
_PLAIN_WORD = re.compile("[a-z]+")
_FORMS = 96  # of one name
_READINGS = 24  # of one word of a text


class Token(NamedTuple):
    """A word at `text[start:end]`; `continuous` where its script has no spaces between words."""

    start: int
    end: int
    text: str
    continuous: bool


def composed(text: str) -> str:
    """`text` with Hangul composed to syllables; the same object where nothing changes."""
    if not text.isascii() and _JAMO.search(text):
        return unicodedata.normalize("NFC", text)
    return text


def tokens(text: str) -> Iterator[Token]:
    """The words of a text, each of one kind of script, with marks and invisible characters."""
    if text.isascii():
        yield from (
            Token(*found.span(), found[0], False) for found in _PLAIN_WORD.finditer(text.lower())
        )
        return
    start, kind = 0, 0
    for at, character in enumerate(text):
        new = _kind(character)
        if new == kind or (new == _INSIDE and kind):
            continue
        if kind:
            yield Token(start, at, text[start:at], kind == _WITHOUT_SPACES)
        start, kind = at, new if new != _INSIDE else 0
    if kind:
        yield Token(start, len(text), text[start:], kind == _WITHOUT_SPACES)


_SPACED, _WITHOUT_SPACES, _INSIDE = 1, 2, 3


@lru_cache(maxsize=8192)
def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if category[0] == "M" or category == "Cf" or _IGNORED.match(character):
        return _INSIDE
    # circled letters and radicals are symbols, and stand for letters
    if not character.isalpha() and not unicodedata.normalize("NFKC", character).isalpha():
        return 0
    code = ord(character)
    if any(low <= code <= high for low, high in _CONTINUOUS):
        return _WITHOUT_SPACES
    return _SPACED


@lru_cache(maxsize=8192)
def letters(character: str) -> tuple[str, ...]:
    """Plain forms of a character, the usual one first; of marks and invisible ones an empty one."""
    lower = character.lower()
    listed = SPELLINGS.get(lower) or SPELLINGS.get(unicodedata.normalize("NFKC", lower))
    if listed:
        return listed
    if unicodedata.category(character) == "Cf" or _IGNORED.match(character):
        return ("",)
    if character.isdecimal():
        return (str(unicodedata.decimal(character)),)
    if "가" <= character <= "힣":
        return (character,)
    bases = [c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c)]
    hiragana = (chr(ord(c) - _TO_HIRAGANA) if ord(c) in _KATAKANA else c for c in bases)
    return ("".join(hiragana).casefold().translate(_SAME_LETTER),)


@lru_cache(maxsize=1024)
def spellings(word: str) -> frozenset[str]:
    """The plain forms of a name.

    Each letter comes in its transliterations; digraphs also as the single letter that they stand
    for.
    """
    forms = _combined(word, _FORMS)
    for digraph, letter in SHORTENED:
        forms |= {
            form.replace(digraph, letter) for form in forms if len(form) > 4 and digraph in form
        }
        if len(forms) > 2 * _FORMS:
            break
    forms |= {f"mc{form[3:]}" for form in forms if len(form) > 6 and form.startswith("mac")}
    forms |= {f"mac{form[2:]}" for form in forms if len(form) > 5 and form.startswith("mc")}
    return frozenset(form for form in forms if form)


def readings(word: str) -> frozenset[str]:
    """The plain forms of a word of a text."""
    if word.isascii():
        return frozenset((word.lower(),))
    return _readings(word)


@lru_cache(maxsize=4096)
def _readings(word: str) -> frozenset[str]:
    forms = _combined(word, _READINGS)
    return frozenset(forms.union(*map(_unmixed, forms)))


def _combined(word: str, most: int) -> set[str]:
    choices = [letters(character) for character in composed(word)]
    usual = "".join(choice[0] for choice in choices)
    return {usual, *("".join(form) for form in islice(product(*choices), most))}


def usual(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text in their usual plain form, and the position of each."""
    forms: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        if character.isalnum() or (not character.isascii() and _kind(character)):
            form = letters(character)[0]
            forms.append(form)
            places += [at] * len(form)
    return "".join(forms), places


@lru_cache(maxsize=4096)
def _one(character: str) -> str:
    form = letters(character)[0]
    if len(form) == 1:
        return form
    return character


def plain(text: str) -> str:
    """`text` in plain lower case; every character keeps its position."""
    if text.isascii():
        return text.lower()
    return "".join(_one(character) for character in text)


def _unmixed(form: str) -> set[str]:
    """A word that mixes Latin with Cyrillic or Greek, read as of one script; else nothing."""
    if form.isascii() or not any("a" <= letter <= "z" for letter in form):
        return set()
    read = {form.translate(table) for table in (_TO_LATIN, _TO_CYRILLIC, _TO_GREEK)}
    return read - {form}
