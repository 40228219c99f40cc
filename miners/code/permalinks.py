"""The permanent link to lines of a file in a repository on a forge: the address of its page, at a commit.

No guess is made: a host that is no known forge, or a revision that is no commit, has no link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_REMOTE = re.compile(r"(?:[\w.~-]+@)?(?P<host>[\w.-]+\.[\w-]+):(?!//)(?P<path>.+)")
_HOST = re.compile(r"[a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Forge:
    """How one kind of forge writes its addresses. The templates take host, name, revision, path, start and end."""

    hosts: re.Pattern[str]
    file: str
    lines: str


def _forge(hosts: str, file: str, lines: str) -> Forge:
    return Forge(re.compile(hosts), "https://{host}/{name}/" + file, lines)


FORGES = (
    _forge(r"github\.(com|.+)", "blob/{revision}/{path}", "#L{start}-L{end}"),
    _forge(
        r"gitlab\..+|.+\.gitlab\..+|salsa\.debian\.org|invent\.kde\.org|framagit\.org|code\.videolan\.org",
        "-/blob/{revision}/{path}",
        "#L{start}-{end}",
    ),
    _forge(r"bitbucket\.org", "src/{revision}/{path}", "#lines-{start}:{end}"),
    _forge(r"codeberg\.org|git\.disroot\.org|(gitea|forgejo)\..+", "src/commit/{revision}/{path}", "#L{start}-L{end}"),
    _forge(r"git\.sr\.ht", "tree/{revision}/item/{path}", "#L{start}-{end}"),
    _forge(r".+\.googlesource\.com", "+/{revision}/{path}", "#{start}"),
)


@dataclass(frozen=True, slots=True)
class Permalinks:
    """Links into one repository at one commit."""

    forge: Forge
    host: str
    name: str
    revision: str

    def file(self, path: str) -> str:
        """The page of a file."""
        return self.forge.file.format(host=self.host, name=self.name, revision=self.revision, path=quote(path))

    def lines(self, path: str, start: int, end: int) -> str:
        """The page of a file, at lines counted from one."""
        return self.file(path) + self.forge.lines.format(start=start, end=end)


def permalinks(remote: str | None, revision: str | None) -> Permalinks | None:
    """Links into the repository that `remote` (as git or a browser writes it) names; None where there are none.

    User names and passwords in `remote` go nowhere.
    """
    if not remote or not revision or not _COMMIT.fullmatch(revision.lower()):
        return None
    host, name = _host_and_name(remote.strip())
    if not _HOST.fullmatch(host) or name.count("/") < 1 - host.endswith(".googlesource.com") or not name:
        return None
    for forge in FORGES:
        if forge.hosts.fullmatch(host):
            return Permalinks(forge, host, quote(name, safe="/~"), revision.lower())
    return None


def _host_and_name(remote: str) -> tuple[str, str]:
    if "://" in remote:
        try:
            parts = urlsplit(remote)
            host = parts.hostname or ""
        except ValueError:
            return "", ""
        path = parts.path if parts.scheme in ("https", "http", "ssh", "git", "git+https", "git+ssh") else ""
    else:
        found = _SHORT_REMOTE.fullmatch(remote)
        host, path = (found["host"], found["path"]) if found else ("", "")
    return host.lower().removeprefix("www."), path.strip("/").removesuffix(".git").strip("/")
