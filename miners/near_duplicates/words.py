"""What a word of text and a token of code is: the rule in plain Python, and the tables of it that numpy reads.

Text is NFKC-normalised and case-folded first. White space, control characters and Unicode punctuation (categories P*)
separate words; format characters (Cf: soft hyphens, joiners, byte order marks) count as absent; each code point of a
script that is written without spaces is a word of its own; every other run of code points is one word.

Code keeps its case. White space and control characters separate; a run of letters, digits, marks and underscores is
one token (identifiers, keywords, numbers); a run of operator characters is one token; every other punctuation mark
(brackets, quotes, comma, dot) and each code point of a script without spaces is a token of its own.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache

import numpy as np

SEPARATOR, WORD, SINGLE, OPERATOR, ABSENT = range(5)

_OPERATORS = frozenset("+-*/%=<>!&|^~?:")

# Blocks of the scripts that Unicode's line breaking treats as ideographic or as needing a dictionary (UAX #14, classes
# ID, CJ and SA): Han, kana, Bopomofo, Yi, and the South-East Asian scripts. Hangul and Tibetan mark their words.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3038, 0x303C),
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA000, 0xA4CF),  # Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x323AF),
)


def _unspaced(code_point: int) -> bool:
    return code_point >= 0x0E00 and any(low <= code_point <= high for low, high in _UNSPACED)


def text_class(char: str) -> int:
    """The class of one code point in text: SEPARATOR, WORD, SINGLE or ABSENT."""
    category = unicodedata.category(char)
    if category[0] in "PZ" or category == "Cc":
        return SEPARATOR
    if category == "Cf":
        return ABSENT
    return SINGLE if _unspaced(ord(char)) else WORD


def code_class(char: str) -> int:
    """The class of one code point in code: SEPARATOR, WORD, SINGLE, OPERATOR or ABSENT."""
    category = unicodedata.category(char)
    if category[0] == "Z" or category == "Cc":
        return SEPARATOR
    if category == "Cf":
        return ABSENT
    if char in _OPERATORS:
        return OPERATOR
    if char == "_":
        return WORD
    return SINGLE if category[0] in "PS" or _unspaced(ord(char)) else WORD


@lru_cache(maxsize=4)
def class_table(is_code: bool, size: int = sys.maxunicode + 1) -> np.ndarray:
    """uint8 array: the class of each code point below `size`."""
    classify = code_class if is_code else text_class
    ascii_classes = np.array([classify(chr(i)) for i in range(128)], np.uint8)
    if size <= 128:
        return ascii_classes[:size]
    table = np.full(size, WORD, np.uint8)
    # Beyond the second plane only scripts without spaces, tags and private use are assigned.
    listed = [*range(128, min(size, 0x20000)), *range(0xE0000, min(size, 0xE0200))]
    categories = list(map(unicodedata.category, map(chr, listed)))
    # Beyond ASCII the category decides, but for scripts without spaces: one code point speaks for its category.
    classes: dict[str, int] = {}
    for code_point, category in zip(listed, categories, strict=True):
        if category not in classes and not _unspaced(code_point):
            classes[category] = classify(chr(code_point))
    table[listed] = np.fromiter(map(classes.__getitem__, categories), np.uint8, len(listed))
    table[:128] = ascii_classes
    for low, high in _UNSPACED:
        part = table[low : high + 1]
        part[part == WORD] = SINGLE
    return table


@lru_cache(maxsize=4)
def code_point_table(is_code: bool, size: int = sys.maxunicode + 1) -> np.ndarray:
    """uint32 array: each code point below `size`, with its class in the highest 8 bits."""
    table = class_table(is_code, size).astype(np.uint32) << np.uint32(24) | np.arange(size, dtype=np.uint32)
    table.setflags(write=False)
    return table


def prepare(text: str, is_code: bool) -> str:
    """The form in which words are cut: case-folded NFKC for text, the code itself for code."""
    if is_code:
        return text
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def words(text: str, is_code: bool = False) -> list[str]:
    """The words of a text, or the lexical tokens of code, in order."""
    classify = code_class if is_code else text_class
    found: list[str] = []
    last = SEPARATOR
    for char in prepare(text, is_code):
        kind = classify(char)
        if kind == ABSENT:
            continue
        if kind != SEPARATOR:
            if kind == last and kind != SINGLE:
                found[-1] += char
            else:
                found.append(char)
        last = kind
    return found
