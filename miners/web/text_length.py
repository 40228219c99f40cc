"""How long a text is: words, where words are set apart, and code points where they are not."""

from __future__ import annotations

import re

UNSPACED = re.compile(
    "[\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # Japanese, Chinese
    "\U00020000-\U0003ffff]"
)

_SPACED_BYTES = bytes(byte for byte in range(256) if byte not in {0xE0, 0xE1, *range(0xE3, 0xF5)})
"""All but the bytes that begin, in UTF-8, the code points of the blocks that `UNSPACED` is of; Latin, Greek, Cyrillic,
Arabic and most marks have none of these."""


def token_count(text: str) -> int:
    """White-space-separated words, each code point of a script without spaces counting as a word of its own."""
    if text.isascii() or not text.encode("utf-8", "replace").translate(None, _SPACED_BYTES):
        return len(text.split())
    spaced, unspaced = UNSPACED.subn(" ", text)
    return unspaced + len(spaced.split())
