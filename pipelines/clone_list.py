"""The file behind `--repos`: which remote repositories to clone, one a line.

    # a comment
    owner/name
    owner/name@v1.2
    https://example.org/owner/name.git  6f1ed002ab5595859014ebf0951522d9
    git@example.org:owner/name.git      release/2.0

A revision (branch, tag, full commit) stands behind an ``@`` after the last ``/``, or in a second column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.options import UsageError

BASE_URL = "https://github.com/"
_SHORT = re.compile(r"[\w.-]+/[\w.-]+")
_URL = re.compile(r"(?P<protocol>[a-z]+)://(?P<user>[^/@]*@)?.+")
_SSH = re.compile(r"[\w.-]+@[\w.-]+:[^:]+")


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """Where to clone from, and what; a revision of None is the remote's HEAD."""

    url: str
    revision: str | None


def read_clone_list(text: str, place: str, base_url: str, protocols: tuple[str, ...]) -> list[RemoteRepository]:
    """The repositories of a list, each once, in its order; `owner/name` goes behind `base_url`.

    Raises UsageError naming the line that is wrong.
    """
    found: dict[RemoteRepository, None] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        columns = re.sub(r"(^|\s)#.*", "", line).split()
        if not columns:
            continue
        if len(columns) > 2:
            raise UsageError(f"{place}, line {number}: has more than a repository and a revision")
        url, revision = columns[0], columns[1] if len(columns) == 2 else None
        head, slash, last = url.rpartition("/")
        if "@" in last and revision is None:
            last, _, revision = last.partition("@")
            url = head + slash + last
        if _SHORT.fullmatch(url):
            url = base_url.rstrip("/") + "/" + url
        _check(url, revision, f"{place}, line {number}", protocols)
        found[RemoteRepository(url, revision)] = None
    if not found:
        raise UsageError(f"{place} names no repository; write owner/name or a clone URL on a line")
    return list(found)


def _check(url: str, revision: str | None, where: str, protocols: tuple[str, ...]) -> None:
    found = _URL.fullmatch(url)
    protocol = found["protocol"] if found else "ssh" if _SSH.fullmatch(url) else None
    if protocol is None:
        raise UsageError(
            f"{where}: {url!r} is neither a clone URL nor owner/name; put a revision with a slash in a second column"
        )
    if protocol not in protocols:
        raise UsageError(f"{where}: {protocol} is not allowed; allow it with --clone-protocols {protocol}")
    if found and found["user"] and (":" in found["user"] or protocol in ("http", "https")):
        raise UsageError(f"{where}: the URL has credentials, which the result would name; use ssh keys or ~/.netrc")
    if revision is not None and (not revision or revision.startswith("-")):
        raise UsageError(f"{where}: {revision!r} is no revision")
