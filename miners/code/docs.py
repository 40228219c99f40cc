"""A function's documentation as text: string syntax and comment marks off, and its summary."""

from __future__ import annotations

import ast
import re
import warnings
from inspect import cleandoc

from miners.code.language import Documentation
from miners.code.xml_documentation import xml_summary

_XML_SUMMARY = "<summary>"
_BRIEF = re.compile(r"[@\\](?:brief|short|summary|desc|description)\s+(?=\S)")
_AS_CODE = ("    ", "\t")
_PREFIX = re.compile(r"[A-Za-z]*")
_UNICODE_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u+([0-9A-Fa-f]{4})")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(
    r"""[@\\][A-Za-z]\w*(?=\s|$|\{|\[)                 # JSDoc, Javadoc, doxygen
      | :(?:param|parameter|arg|argument|key|keyword|type|raises?|except|exception|[ic]?var|vartype
           |returns?|rtype|yields?|meta)\b[^:\n]*:      # Sphinx fields
      | (?:Args|Arguments|Parameters?|Params|Keyword\ Args|Other\ Parameters|Returns?|Yields?|Raises|Throws
           |Attributes|Examples?|Notes?|See\ Also|References|Usage|Warns|Todo)
        (?::(?=\s|$)|\s*$)                             # Google's and numpydoc's sections
      | >>>\ | \.\.\ [\w-]+:: | ```                    # a doctest, a directive, a block of code
      | \#{1,6}\ +(?:Arguments|Parameters|Args|Keywords|Returns?|Errors|Panics|Safety|Throws|Examples?|Notes?
                     |See\ [Aa]lso|References|Extended\ help):?$          # rustdoc's and Julia's headings
      | -\ +(?:Parameters?|Returns|Throws)\b            # Swift's lists
      | <(?:param|typeparam|returns|remarks|exception|example|value|seealso)\b    # XML
    """,
    re.VERBOSE,
)


def clean_docstring(raw: str) -> str | None:
    """The text of a Python string literal (or of several, joined) as `ast.get_docstring` gives it.

    None where it is no plain string: an f-string or bytes. A literal that only another version of Python
    knows gives what stands between its quotes; lone surrogates become U+FFFD.
    """
    prefix = _PREFIX.match(raw)[0].lower()  # type: ignore[index]
    if not (raw.startswith("(") or set(prefix) <= set("ru")):
        return None
    if (raw.startswith('"""') and raw.find('"""', 3) == len(raw) - 3 > 2) and "\\" not in raw:
        return cleandoc(raw[3:-3].replace("\r\n", "\n"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(raw)
    except SyntaxError:
        if prefix not in ("", "ur") or raw.startswith("("):
            return None
        value = _between_quotes(raw[len(prefix) :])
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None
    if not isinstance(value, str):
        return None
    return cleandoc(_LONE_SURROGATE.sub("\ufffd", value))


def clean_comment(raw: str, documentation: Documentation) -> str:
    """The text of one comment or of a group of comments: markers, leaders and directives off.

    Lines of a block that no leader leads lose the margin that they share; others keep what stands behind their mark.
    """
    if documentation.literal == "java" and "\\u" in raw:
        raw = _without_unicode_escapes(raw)
    lines: list[str] = []
    loose: list[int] = []
    closing = ""
    for line in raw.replace("\r\n", "\n").split("\n"):
        is_led = not closing or bool(documentation.leader and documentation.leader.match(line.lstrip()))
        text, closing = _clean_line(line, closing, documentation)
        if text is not None:
            if not is_led and text.strip():
                loose.append(len(lines))
            lines.append(text)
    margin = min((len(lines[i]) - len(lines[i].lstrip()) for i in loose), default=0)
    for i in loose:
        lines[i] = lines[i][margin:]
    return "\n".join(lines).strip("\n").strip(" ") if lines else ""


def summary(docstring: str) -> str:
    """The first paragraph on one line, cut before the first line that begins with a tag or a section's title.

    A tag within a line (``user@host``, ``see :param``) cuts nothing. A tag that says what follows is the summary
    (``@brief``, ``<summary>``) goes, and so does a signature in front, indented as code.
    """
    if _XML_SUMMARY in docstring:
        return xml_summary(docstring) or ""
    lines: list[str] = []
    for line in docstring.split("\n"):
        text = line.strip()
        if not lines:
            if line.startswith(_AS_CODE):
                continue
            text = _BRIEF.sub("", text)
        if (not text and lines) or _TAG.match(text):
            break
        if text:
            lines.append(text)
    return " ".join(lines)


def _clean_line(line: str, closing: str, rules: Documentation) -> tuple[str | None, str]:
    """One line without its marks (None: nothing is left of it), and the mark that will end an open block."""
    text = line.lstrip()
    if not closing:
        if rules.directives and rules.directives.match(text):
            return None, ""
        for opening, ending in rules.block_markers:
            if text.startswith(opening):
                text = text[len(opening) :]
                if rules.leader:
                    bare = text.lstrip(ending[0])
                    text = ending[0] + bare if bare.startswith(ending[1:]) and bare != text else bare
                return _close(text.removeprefix(" "), ending, rules)
        for marker in rules.line_markers:
            if text.startswith(marker):
                return text[len(marker) :].removeprefix(" ").rstrip(), ""
        return text.rstrip(), ""
    led = rules.leader.match(text) if rules.leader and not text.startswith(closing) else None
    return _close(text[led.end() :].removeprefix(" ") if led else line, closing, rules)


def _close(text: str, closing: str, rules: Documentation) -> tuple[str, str]:
    """The line, cut before the mark that ends the block; where lines are led, also before a bar that the mark ends."""
    bare = text.rstrip()
    if not bare.endswith(closing):
        return bare, closing
    bare = bare[: -len(closing)]
    return bare.rstrip(f"{closing[0]} \t" if rules.leader else " \t"), ""


def _without_unicode_escapes(text: str) -> str:
    """Java's first step of reading a source: an odd backslash, ``u``s and four digits are a character (JLS 3.3)."""
    read = _UNICODE_ESCAPE.sub(lambda found: found[1] + chr(int(found[2], 16)), text)
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _between_quotes(raw: str) -> str:
    quote = raw[:3] if raw[:3] in ('"""', "'''") else raw[:1]
    return raw[len(quote) : -len(quote)] if len(raw) >= 2 * len(quote) else ""
