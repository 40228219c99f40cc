"""What documentation says of parameters, results and errors, by the style that it is written in.

`language.yaml` names the styles of a language under `documentation: styles`; the first that finds something is it.
"""

from __future__ import annotations

from collections.abc import Sequence

from miners.code.docstring_styles import comment_tags, markdown_sections, python_sections, xml_comments
from miners.code.docstring_styles.parts import DocstringParts
from schemas.pair import Part

__all__ = ["STYLES", "DocstringParts", "Part", "docstring_parts"]

LONGEST = 50_000
"""Longer documentation is not read."""
STYLES = {
    **python_sections.STYLES,
    **comment_tags.STYLES,
    **markdown_sections.STYLES,
    **xml_comments.STYLES,
}
"""Each style's reader: a cleaned docstring in, its parts or None out."""


def docstring_parts(docstring: str, styles: Sequence[str]) -> DocstringParts | None:
    """The parts that a cleaned docstring states in one of the `styles`; None where it states none.

    Raises ValueError for a style that there is not.
    """
    for style in styles:
        if style not in STYLES:
            raise ValueError(f"there is no docstring style {style!r}; there are {', '.join(sorted(STYLES))}")
        found = STYLES[style](docstring) if len(docstring) <= LONGEST else None
        if found is not None:
            return found
    return None
