"""Which licence a file of a repository is under, as an SPDX expression, and where that is written; unknown is None.

A file's own SPDX tag wins, then the notice at its head, then the nearest folder up the tree that has a licence file
or a package's metadata. Vendored code never takes the licence of the repository around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from miners.code.filters import VENDORED_PARTS
from miners.code.license_expressions import all_of, licenses_of, spdx_expression
from miners.code.license_metadata import is_metadata, license_of_metadata
from miners.code.license_texts import LONGEST, license_of_notice, license_of_text
from miners.code.repository import Entry, UnreadableError

_TAG = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n*]+)")
_TAG_BYTES = 4096
_TAG_ENDS = ("-->", "#}", "%}", "?>", '"""', "'''", ")")
_LICENSE_FILE = re.compile(r"(?:[\w.]+[-_.])?(?:licen[cs]es?|copying|unlicen[cs]e)(?P<ending>[-_. ].*)?", re.IGNORECASE)
_NO_TEXT = re.compile(
    r".*\.(?:py|js|mjs|cjs|ts|tsx|go|java|rb|rs|php|c|cc|cpp|cs|h|hpp|kt|scala|swift|lua|jl|pl|sh|ipynb"
    r"|json5?|ya?ml|toml|xml|lock|csv|tsv|svg|png|gif|jpe?g|pdf|css|tmpl|template|header)",
    re.IGNORECASE,
)
_TEXT_FOLDERS = frozenset({"license", "licenses", "licence", "licences"})
_OR_LATER = re.compile(r"-(?:only|or-later)$")
_PART_OF = {"PSF-2.0": "Python-2.0", "Python-2.0.1": "Python-2.0"}
"""Licences whose text is a part of another's."""


@dataclass(frozen=True, slots=True)
class LicenseFinding:
    """A licence and its source. `found_in`: `tag`, `notice`, `file`, `metadata`, or empty where nothing says it."""

    spdx: str | None = None
    found_in: str = ""
    path: str = ""
    """The file of the repository that says so; empty where that is the source file itself, or none of its files."""


UNKNOWN = LicenseFinding()


def spdx_of_tag(source: bytes) -> str | None:
    """The SPDX expression of a file's `SPDX-License-Identifier` tag."""
    found = _TAG.search(source, 0, _TAG_BYTES)
    if not found:
        return None
    text = found[1].decode("utf-8", "replace").strip()
    whole = spdx_expression(text)
    for ending in _TAG_ENDS:
        whole = whole or spdx_expression(text.removesuffix(ending).rstrip())
    return whole


class Licenses:
    """Finds the licence of each file of a repository; licence files and metadata are read once, when asked for.

    `declared` is what is known of the repository from outside its files (a table's column, a registry).
    """

    def __init__(self, entries: Iterable[Entry], read: Callable[[Entry], bytes], declared: str | None) -> None:
        self._read = read
        self._declared = declared
        self._texts: dict[str, list[Entry]] = {}
        self._metadata: dict[str, list[Entry]] = {}
        beside: dict[str, list[Entry]] = {}
        for entry in entries:
            folder, _, name = entry.path.rpartition("/")
            if entry.refusal is not None or entry.size > LONGEST:
                continue
            parts = folder.split("/")
            if is_metadata(name):
                self._metadata.setdefault(_package_folder(parts), []).append(entry)
            elif parts[-1].lower() in _TEXT_FOLDERS and not _NO_TEXT.fullmatch(name):
                beside.setdefault(_package_folder(parts[:-1]), []).append(entry)
            elif is_license_file(name):
                self._texts.setdefault(_package_folder(parts), []).append(entry)
        for folder, found in beside.items():
            self._texts.setdefault(folder, found)
        self._folders: dict[str, LicenseFinding] = {}

    def of(self, path: str, source: bytes) -> str | None:
        """The licence of one file."""
        return self.find(path, source).spdx

    def find(self, path: str, source: bytes) -> LicenseFinding:
        """The licence of one file, and where it is written."""
        tag = spdx_of_tag(source)
        if tag:
            return LicenseFinding(tag, "tag")
        notice = license_of_notice(source)
        if notice:
            return LicenseFinding(all_of(notice), "notice")
        return self._of_folder(path.rpartition("/")[0])

    def _of_folder(self, folder: str) -> LicenseFinding:
        known = self._folders.get(folder)
        if known is None:
            known = self._own(folder)
            if known is None:
                above, _, name = folder.rpartition("/")
                outside = name.lower() in VENDORED_PARTS
                known = self._of_folder(above) if folder and not outside else UNKNOWN
            self._folders[folder] = known
        return known

    def _own(self, folder: str) -> LicenseFinding | None:
        """What the folder itself says; None where it says nothing."""
        texts = self._texts.get(folder, [])
        declared, place = self._stated(folder)
        if not texts:
            return LicenseFinding(declared, "metadata", place) if declared else None
        named = [(entry.path, self._names(entry)) for entry in texts]
        found = list(dict.fromkeys(name for _, names in named for name in names))
        if not found:
            return LicenseFinding(declared, "metadata", place) if declared else LicenseFinding(path=texts[0].path)
        first = next(path for path, names in named if names)
        return LicenseFinding(_combined(found, declared), "file", first)

    def _stated(self, folder: str) -> tuple[str | None, str]:
        for entry in self._metadata.get(folder, []):
            try:
                stated = license_of_metadata(entry.path.rpartition("/")[2], self._read(entry))
            except UnreadableError:
                continue
            if stated:
                return stated, entry.path
        return (None if folder else self._declared), ""

    def _names(self, entry: Entry) -> tuple[str, ...]:
        try:
            return license_of_text(self._read(entry).decode("utf-8", "replace"))
        except UnreadableError:
            return ()


def is_license_file(name: str) -> bool:
    """Whether a file of this name holds a licence's text: `LICENSE`, `COPYING.LESSER`, `MIT-LICENSE.txt`."""
    return bool(_LICENSE_FILE.fullmatch(name)) and not _NO_TEXT.fullmatch(name)


def _package_folder(parts: list[str]) -> str:
    """The folder that a file speaks for; the `dist-info` of a wheel speaks for the wheel."""
    if parts[0].endswith((".dist-info", ".egg-info")):
        return ""
    return "/".join(parts)


def _combined(found: list[str], declared: str | None) -> str:
    """One expression from the texts that lie there and what the metadata says.

    A text says neither "or later" nor how several go together (a choice, or what a project bundles): metadata that
    names the same licences does. Without it all have to be met.
    """
    texts = {family(name) for name in found}
    stated = {family(name) for name in licenses_of(declared)} if declared else set()
    if declared and (stated <= texts or texts <= stated):
        return declared
    return all_of(found)


def family(name: str) -> str:
    """The licence whose text this is: a text says neither "only" nor "or later"."""
    bare = _OR_LATER.sub("", name)
    return _PART_OF.get(bare, bare)
