"""How long a text is: words, where words are set apart, and code points where they are not."""

from __future__ import annotations

import re

UNSPACED = re.compile(
    "[\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # Japanese, Chinese
    "\U00020000-\U0003ffff]"
)


def token_count(text: str) -> int:
    """White-space-separated words, each code point of a script without spaces counting as a word of its own."""
    if text.isascii():
        return len(text.split())
    spaced, unspaced = UNSPACED.subn(" ", text)
    return unspaced + len(spaced.split())
