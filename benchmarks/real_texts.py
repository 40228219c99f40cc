"""Real text that is on every machine with Python: what the benchmarks cut, plant and recombine.

English: documentation and sources of the standard library and of installed packages, and HTML pages by the web
extractor. Code: functions of the same. Other scripts: translations in gettext catalogues (`/usr/share/locale`).
"""

from __future__ import annotations

import ast
import gettext
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from miners.web import paragraphs

DOCUMENT_SUFFIXES = (".md", ".rst", ".txt", ".py", ".pyi")
LOCALES = Path("/usr/share/locale")
DOCUMENTATION = Path("/usr/share/doc")


def roots() -> list[Path]:
    """Folders of real files: installed packages, the standard library."""
    return [Path(sysconfig.get_paths()[name]) for name in ("purelib", "stdlib")]


def source_files(suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files of these kinds, in order of their names."""
    for root in roots():
        yield from (path for path in sorted(root.rglob("*")) if path.suffix in suffixes)


def read_text(path: Path) -> str:
    """The file's text, or nothing where it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return ""


def pages(most: int) -> list[str]:
    """The main text of installed HTML documentation."""
    found = [path for path in sorted(DOCUMENTATION.rglob("*.html")) if path.is_file()][:most]
    return ["\n\n".join(paragraphs(path.read_bytes())) for path in found]


def documents(count: int, chars: int, seed: int = 0) -> list[str]:
    """Pieces of real files of about `chars` characters each, from all over, in a random order."""
    pieces: list[str] = []
    for text in [*pages(100), *map(read_text, source_files(DOCUMENT_SUFFIXES))]:
        pieces += [text[i : i + chars] for i in range(0, len(text) - chars // 2, chars)]
        if len(pieces) >= 2 * count:
            break
    random.Random(seed).shuffle(pieces)
    return [piece for piece in pieces if piece.strip()][:count]


def functions(count: int, least_tokens: int, seed: int = 0) -> list[str]:
    """Real Python functions of some length."""
    found: list[str] = []
    for path in source_files((".py",)):
        source = read_text(path)
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        lines = source.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                if len(text) > 5 * least_tokens:
                    found.append(text)
        if len(found) >= 2 * count:
            break
    random.Random(seed).shuffle(found)
    return found[:count]


def translations(locale: str, count: int, chars: int, seed: int = 0) -> list[str]:
    """Texts of about `chars` characters in another language, made of whole messages."""
    messages: list[str] = []
    for path in sorted(LOCALES.glob(f"{locale}/LC_MESSAGES/*.mo")):
        with open(path, "rb") as file:
            try:
                catalogue = gettext.GNUTranslations(file)
            except (OSError, UnicodeDecodeError, ValueError):
                continue
        strings = [text for text in catalogue._catalog.values() if isinstance(text, str)]  # type: ignore[attr-defined]
        messages += [text for text in strings if sum(map(str.isascii, text)) < len(text) / 2]
    messages = list(dict.fromkeys(messages))
    random.Random(seed).shuffle(messages)
    texts, waiting = [], ""
    for message in messages:
        waiting += message + "\n"
        if len(waiting) >= chars:
            texts.append(waiting)
            waiting = ""
    return texts[:count]
