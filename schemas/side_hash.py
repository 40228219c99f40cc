"""Hashes of one side of a pair: what makes two anchors, or two positives, the same text.

The trainer masks a negative whose hash equals that of the row's own side; dedupe caps repeats by it. Golden
vectors stand in `tests/schemas`.
"""

from __future__ import annotations

import string
import unicodedata
from functools import lru_cache

import xxhash

_BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f"
_FOLDED = bytes.maketrans(f"{string.ascii_uppercase}{_BLANKS}".encode(), string.ascii_lowercase.encode() + b" " * 9)
"""ASCII's capitals to small letters, and what is white space to Python to blanks."""
_CODE_POSITIVES = frozenset({"docstring_code", "docstring_class", "docstring_module"})


def anchor_is_code(kind: str) -> bool:
    """Whether the anchor of this kind is source code; none of today's kinds has one."""
    del kind
    return False


def positive_is_code(kind: str) -> bool:
    """Whether the positive of this kind is source code."""
    return kind in _CODE_POSITIVES


def normalize_text(text: str) -> str:
    """NFKC, case folded, every run of Unicode white space as one space, stripped."""
    return normalize_ascii(text.encode()).decode() if text.isascii() else normalize_words(text)[0]


def normalize_ascii(text: bytes) -> bytes:
    """`normalize_text` of ASCII, in a quarter of the time."""
    folded = text.translate(_FOLDED)
    return b" ".join(folded.split()) if b"  " in folded else folded.strip()


def normalize_words(text: str) -> tuple[str, int]:
    """`normalize_text` of any text, and how many words the text has: what NFKC makes of them may be more."""
    normal = unicodedata.normalize("NFKC", text)
    line = normal.replace("\n", " ")
    # the space is the only white space that is printable: most texts need not be taken apart, which takes longest
    line = line.strip(" ") if "  " not in line and line.isprintable() else " ".join(line.split())
    words = (line.count(" ") + 1 if line else 0) if normal == text else len(text.split())
    return line.casefold(), words  # folding the case makes no white space, and takes none away


def normalize_code(code: str) -> str:
    """CRLF as LF, blanks at line ends and blank lines at the end off; case kept."""
    return "\n".join(map(str.rstrip, code.replace("\r\n", "\n").split("\n"))).rstrip("\n")


def side_hash(text: str, *, is_code: bool) -> int:
    """xxh3-64 of the normalised side in UTF-8, as a signed 64-bit integer (two's complement)."""
    return _code_hash(text) if is_code else _text_hash(text)


@lru_cache(maxsize=64)
def _text_hash(text: str) -> int:
    """Kept for a while: neighbouring pairs share a side."""
    return to_signed(xxhash.xxh3_64_intdigest(normalize_text(text).encode()))


def _code_hash(code: str) -> int:
    return to_signed(xxhash.xxh3_64_intdigest(normalize_code(code).encode()))


def to_signed(value: int) -> int:
    """An unsigned 64-bit integer as the signed one of the same bits (Arrow's and torch's int64)."""
    return value - (1 << 64) if value >= 1 << 63 else value
