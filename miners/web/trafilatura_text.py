"""The main content of a page by trafilatura: slower by a factor of ten and more, and with rules of its own.

trafilatura is an extra (`pip install 'pairmill[trafilatura]'`), loaded when it is first asked for.
"""

from __future__ import annotations

from resiliparse.parse.html import HTMLTree

from miners.web.blocks import Block, text_blocks


def check_trafilatura() -> None:
    """Raise ValueError where trafilatura is not installed."""
    try:
        import trafilatura  # noqa: F401
    except ImportError:
        raise ValueError(
            "the extractor trafilatura is not installed; run pip install 'pairmill[trafilatura]', "
            "or leave --extractor away"
        ) from None


def read_with_trafilatura(html: str) -> tuple[str, tuple[Block, ...]]:
    """Title and blocks of a page; no block where trafilatura finds no text."""
    from trafilatura import bare_extraction

    found = bare_extraction(html, fast=True, include_comments=False, include_tables=True)
    title = " ".join((HTMLTree.parse(html).title or "").split())  # trafilatura's own costs a search for dates
    if found is None or not found.text:
        return title, ()
    levels = {
        " ".join("".join(heading.itertext()).split()): int(heading.get("rend", "h2")[1:] or 2)
        for heading in found.body.iter("head")
    }
    blocks = (block._replace(heading_level=levels.get(block.text, 0)) for block in text_blocks(found.text))
    return title, tuple(blocks)
