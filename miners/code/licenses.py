"""Which licence a file is under, as an SPDX identifier, as far as that is certain; else None.

A file's own SPDX header wins, then the nearest licence file up the tree, then the repository's metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from miners.code.repository import Entry, UnreadableError

_HEADER = re.compile(rb"SPDX-License-Identifier:\s*([^\r\n*]+)")
_HEADER_BYTES = 4096
_FILE_NAME = re.compile(r"(licen[cs]e|copying|unlicense)([.-].*)?", re.IGNORECASE)
_EXPRESSION = re.compile(r"\(?[A-Za-z0-9][\w.+-]*\)?( (AND|OR|WITH) \(?[A-Za-z0-9][\w.+-]*\)?)*")
KNOWN = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "EPL-2.0", "HPND", "ISC"),
        *("AGPL-3.0-only", "AGPL-3.0-or-later", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only"),
        *("GPL-3.0-or-later", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later"),
        *("MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib"),
    }
)

# Phrases that only this licence's text has; all of them must occur. More special ones stand first. A licence text
# alone does not say "or later", so GNU's are read as "only".
_TEXTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Apache-2.0", ("apache license", "version 2.0, january 2004")),
    ("AGPL-3.0-only", ("gnu affero general public license", "version 3, 19 november 2007")),
    ("LGPL-3.0-only", ("gnu lesser general public license", "version 3, 29 june 2007")),
    ("LGPL-2.1-only", ("gnu lesser general public license", "version 2.1, february 1999")),
    ("GPL-3.0-only", ("gnu general public license", "version 3, 29 june 2007")),
    ("GPL-2.0-only", ("gnu general public license", "version 2, june 1991")),
    ("MPL-2.0", ("mozilla public license version 2.0",)),
    ("Python-2.0", ("python software foundation license version 2", "beopen.com license agreement")),
    ("PSF-2.0", ("python software foundation license version 2",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("BSL-1.0", ("boost software license", "version 1.0")),
    ("Zlib", ("this software is provided 'as-is', without any express or implied warranty", "misrepresented")),
    (
        "BSD-3-Clause",
        ("redistribution and use in source and binary forms", "endorse or promote products derived"),
    ),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms", "binary form must reproduce")),
    (
        "ISC",
        ("permission to use, copy, modify, and", "this software for any purpose", "appear in all copies"),
    ),
    ("0BSD", ("permission to use, copy, modify, and", "this software for any purpose")),
    ("MIT", ("permission is hereby granted, free of charge", "the above copyright notice and this permission")),
    ("MIT-0", ("permission is hereby granted, free of charge", "without restriction")),
)
_CLASSIFIERS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Python Software Foundation License": "PSF-2.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
}


def spdx_of_header(source: bytes) -> str | None:
    """The SPDX expression that the head of a file states."""
    found = _HEADER.search(source, 0, _HEADER_BYTES)
    return spdx_of_expression(found[1].decode("utf-8", "replace").removesuffix("-->")) if found else None


def spdx_of_expression(text: str) -> str | None:
    """The text, when it is an SPDX expression of which one part at least is a licence known here."""
    plain = " ".join(text.split())
    if not _EXPRESSION.fullmatch(plain) or not KNOWN & set(re.split(r"[ ()]+", plain)):
        return None
    return plain


def spdx_of_classifiers(classifiers: Iterable[str]) -> str | None:
    """The licence of the trove classifiers, where they name exactly one that is certain."""
    names = [line.rsplit("::", 1)[-1].strip() for line in classifiers if line.startswith("License ::")]
    found = {_CLASSIFIERS.get(name) for name in names if name != "OSI Approved"}
    return found.pop() if len(found) == 1 else None


def spdx_of_text(text: str) -> str | None:
    """The licence whose text this is."""
    plain = " ".join(text.lower().replace("\u2018", "'").replace("\u2019", "'").split())
    for name, phrases in _TEXTS:
        if all(phrase in plain for phrase in phrases):
            return name
    return None


class Licenses:
    """Finds the licence of each file of a repository; licence files are read once."""

    def __init__(self, entries: Iterable[Entry], read: Callable[[Entry], bytes], declared: str | None) -> None:
        self._read = read
        self._declared = declared
        self._files: dict[str, Entry] = {}
        for entry in entries:
            folder, _, name = entry.path.rpartition("/")
            if entry.refusal is None and entry.size <= 200_000 and _FILE_NAME.fullmatch(name):
                self._files.setdefault(folder, entry)
        self._folders: dict[str, str | None] = {}

    def of(self, path: str, source: bytes) -> str | None:
        """The licence of one file."""
        return spdx_of_header(source) or self._of_folder(path.rpartition("/")[0])

    def _of_folder(self, folder: str) -> str | None:
        if folder not in self._folders:
            if folder in self._files:
                found = self._of_file(self._files[folder])
            elif folder:
                found = self._of_folder(folder.rpartition("/")[0])
            else:
                found = self._declared
            self._folders[folder] = found
        return self._folders[folder]

    def _of_file(self, entry: Entry) -> str | None:
        try:
            return spdx_of_text(self._read(entry).decode("utf-8", "replace"))
        except UnreadableError:
            return None
