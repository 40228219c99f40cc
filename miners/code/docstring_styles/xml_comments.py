"""The parts of C#'s XML documentation."""

from __future__ import annotations

from collections.abc import Callable

from miners.code.docstring_styles.parts import DocstringParts, make_part, make_parts
from miners.code.xml_documentation import xml_elements, xml_text
from schemas.pair import Part


def _read(docstring: str) -> DocstringParts | None:
    if "<" not in docstring:
        return None
    parameters: list[Part] = []
    returns: list[Part] = []
    raises: list[Part] = []
    for element in xml_elements(docstring):
        text = xml_text(element.text)
        tag = element.tag.lower()
        if tag in ("param", "typeparam"):
            parameters.append(make_part(element.name, None, text))
        elif tag == "exception":
            raises.append(make_part(None, element.type, text))
        else:
            returns.append(make_part(None, None, text))
    return make_parts("xml", parameters, returns, raises)


STYLES: dict[str, Callable[[str], DocstringParts | None]] = {"xml": _read}
