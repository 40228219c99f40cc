"""What extraction left in a text: HTML tags and entities, text decoded by the wrong charset, control characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftfy.badness import BADNESS_RE

KINDS = ("html_tags", "html_entities", "mojibake", "replacement_characters", "control_characters")
LEAST_TAGS = 2
"""One tag alone is a text that speaks about it."""

_TAG = re.compile(
    r"</?(?:a|abbr|address|article|aside|b|blockquote|body|br|button|caption|center|cite|div|dl|dt|dd|em|figure|font|"
    r"footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|noscript|ol|option|p|"
    r"script|section|select|small|span|strong|style|sub|sup|svg|table|tbody|td|th|thead|tr|u|ul|video)"
    r"(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|nbsp|amp|lt|gt|quot|apos|copy|reg|trade|mdash|ndash|hellip|bull|middot|"
    r"[lr][sd]quo|[lr]aquo|[aeiouAEIOU](?:acute|grave|uml|circ)|ntilde|ccedil|szlig);"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")


def leftovers(text: str) -> Iterator[tuple[str, int, int, int]]:
    """What was left in a text that is no code: (kind of `KINDS`, how often, start and end of the first).

    Mojibake is what ftfy 6's badness finds: runs of characters that come about when UTF-8 is read as another charset.
    """
    if "<" in text:
        yield from _found("html_tags", _TAG, text, LEAST_TAGS)
    if "&" in text:
        yield from _found("html_entities", _ENTITY, text, 1)
    if not text.isascii():
        if "\ufffd" in text:
            place = text.index("\ufffd")
            yield "replacement_characters", text.count("\ufffd"), place, place + 1
        yield from _found("mojibake", BADNESS_RE, text, 1)
    yield from _found("control_characters", _CONTROL, text, 1)


def _found(kind: str, pattern: re.Pattern[str], text: str, least: int) -> Iterator[tuple[str, int, int, int]]:
    matches = [match.span() for match in pattern.finditer(text)]
    if len(matches) >= least:
        yield kind, len(matches), *matches[0]
