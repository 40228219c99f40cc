"""How values and strangers' text are written: numbers with units, names as words, hidden marks made visible."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
REASON_WORDS = {"not_utf8": "not UTF-8", "not_html": "not HTML", "http_status": "HTTP status"}


def visible(text: str) -> str:
    """The text with control and direction marks as ⟨U+202E⟩, so that none can hide or turn what stands beside it."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def words(name: str) -> str:
    """A reason or a stage of the ledger as words: `too_few_passages` as "too few passages"."""
    return REASON_WORDS.get(name, name.replace("_", " "))


def prose(text: str) -> Markup:
    """A sentence of ours, or of one that quotes a stranger, as inert HTML: `names` between backticks as code."""
    parts = visible(text).split("`")
    if len(parts) % 2 == 0:
        return escape(visible(text))
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def number(value: float | None, style: str) -> str:
    """A figure as text: `count` 1,234; `share` 1.2 %; `decimal` 3.1; `bytes` 12.3 MB; a dash for None."""
    if value is None:
        return "–"
    if style == "share":
        return _percent(value)
    if style == "decimal":
        return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"
    if style == "bytes":
        size, unit = next(((s, u) for s, u in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if value >= s), (1, "bytes"))
        return f"{value / size:,.1f} {unit}" if size > 1 else f"{value:,} bytes"
    return f"{value:,}"


def _percent(value: float) -> str:
    percent = value * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    if percent < 0.01:
        return "< 0.01 %"
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2f} %"
