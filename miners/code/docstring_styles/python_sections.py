"""Python's four styles, read by docstring-parser: Google, NumPy, reStructuredText and Epydoc.

The library's own guess tries all four on every docstring; here a title or a field at the head of a line tells which.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from docstring_parser import ParseError, parse
from docstring_parser.common import DocstringParam, DocstringRaises, DocstringReturns, DocstringStyle

from miners.code.docstring_styles.parts import DocstringParts, make_part, make_parts

_TITLE = (
    r"(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Returns|Yields|Raises"
    r"|Exceptions)"
)
_FIELD = r"(?:param|parameter|arg|argument|key|keyword|type|returns?|rtype|raises?|except|exception|yields?)\b"
_MARKS: dict[str, tuple[DocstringStyle, re.Pattern[str]]] = {
    "numpy": (DocstringStyle.NUMPYDOC, re.compile(rf"^[ \t]*{_TITLE}[ \t]*\n[ \t]*-{{3,}}[ \t]*$", re.MULTILINE)),
    "google": (DocstringStyle.GOOGLE, re.compile(rf"^[ \t]*{_TITLE}[ \t]*:[ \t]*$", re.MULTILINE)),
    "rest": (DocstringStyle.REST, re.compile(rf"^[ \t]*:{_FIELD}[^:\n]*:", re.MULTILINE)),
    "epydoc": (DocstringStyle.EPYDOC, re.compile(rf"^[ \t]*@{_FIELD}[^:\n]*:", re.MULTILINE)),
}
_HINTS = {"numpy": "---", "google": ":", "rest": ":", "epydoc": "@"}
"""In whatever a style's mark matches; asking for it first is cheap."""


def _read(style: str, docstring: str) -> DocstringParts | None:
    known, mark = _MARKS[style]
    if _HINTS[style] not in docstring or not mark.search(docstring):
        return None
    try:
        parsed = parse(docstring, known)
    except (ParseError, ValueError, IndexError, KeyError):
        return None
    parameters, returns, raises = [], [], []
    for meta in parsed.meta:
        if isinstance(meta, DocstringParam) and meta.args[0] != "attribute":
            parameters.append(make_part(meta.arg_name, meta.type_name, meta.description))
        elif isinstance(meta, DocstringReturns):
            returns.append(make_part(meta.return_name, meta.type_name, meta.description))
        elif isinstance(meta, DocstringRaises):
            raises.append(make_part(None, meta.type_name, meta.description))
    return make_parts(style, parameters, returns, raises)


STYLES: dict[str, Callable[[str], DocstringParts | None]] = {name: partial(_read, name) for name in _MARKS}
