"""What people ask to have taken out of a finished set: lists of URLs, repositories, licences and ids, and which rows
they name.

Lists are one value a line; `#` begins a comment. Everything is compared as the miners name it: URLs in
`miners.web.urls.normalize_url`'s form, repositories as `owner/name`, licences as SPDX expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from miners.code.license_expressions import is_allowed, licenses_of, spdx_expression
from miners.code.repository_git import name_of_remote
from miners.web.urls import host_of, normalize_url, split_url
from schemas.attribution import UNKNOWN

REASONS = ("url", "repo", "license", "id")
"""The kinds of list, in the order in which a row that several name is counted."""
DOMAIN = "domain"
"""Before a host, in a list of URLs: everything on it and below it."""
_ID = re.compile(r"[0-9a-f]{32}")
_HOST = re.compile(r"[^\s/:?#@]+")
_REPOSITORY = re.compile(r"[^\s]+")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a list."""

    where: str
    """File and line, for messages."""
    value: str


@dataclass(frozen=True)
class Takedown:
    """All that is asked for: `keys` says which of `asked` names what, in the form that rows are compared in."""

    asked: tuple[Asked, ...] = ()
    keys: Mapping[Key, int] = field(default_factory=dict)

    def kinds(self) -> set[str]:
        """The kinds of key that there are: `url`, `domain`, `repo`, `license`, `id`."""
        return {kind for kind, _ in self.keys}

    def by_url(self, url: str | None) -> list[int]:
        """Which of `asked` name a page; `url` as a row has it."""
        if not url:
            return []
        hosts = partial(map, lambda host: (DOMAIN, host))
        return self._found([("url", normalize_url(url)), *hosts(_domains(url))])

    def by_repo(self, repo: str | None) -> list[int]:
        """Which of `asked` name a repository."""
        return self._found(("repo", name) for name in _repository_names(repo)) if repo else []

    def by_license(self, expression: str | None) -> list[int]:
        """Which of `asked` name licences without which nothing is left of a row's expression.

        ``MIT OR GPL-2.0-only`` stays where only the GPL is asked for; ``MIT AND GPL-2.0-only`` goes.
        """
        text = expression or UNKNOWN
        named = {name: self.keys[("license", name)] for name in licenses_of(text) if ("license", name) in self.keys}
        whole = self._found([("license", text)])
        if not named or is_allowed(text, frozenset(licenses_of(text)).difference(named)):
            return whole
        return [*whole, *(place for place in named.values() if place not in whole)]

    def by_id(self, row_id: str, pair_id: str) -> list[int]:
        """Which of `asked` name a row by either of its ids."""
        return self._found((("id", row_id), ("id", pair_id)))

    def _found(self, keys: Iterable[Key]) -> list[int]:
        return [self.keys[key] for key in keys if key in self.keys]


def read_takedown(lists: Iterable[tuple[str, str, str]]) -> Takedown:
    """The lists, each given as its kind (of REASONS), its name for messages, and its text.

    Raises ValueError, naming list and line, for a line that is none of its kind, and for a list without any.
    """
    asked: list[Asked] = []
    keys: dict[Key, int] = {}
    for kind, name, text in lists:
        is_empty = True
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            value = re.sub(r"(^|\s)#.*", "", line).strip()
            if not value:
                continue
            is_empty, where = False, f"{name}, line {number}"
            found = [key for key in _READERS[kind](value, where) if key not in keys]
            if found:
                keys |= dict.fromkeys(found, len(asked))
                asked.append(Asked(where, value))
        if is_empty:
            raise ValueError(f"{name} names nothing; write one {_NOUNS[kind]} a line")
    return Takedown(tuple(asked), keys)


def _read_url(value: str, where: str) -> Iterator[Key]:
    word, _, host = value.partition(" ")
    if word.lower() == DOMAIN:
        host = host.strip().removeprefix("*.").strip(".")
        if not _HOST.fullmatch(host) or not host_of(f"http://{host}"):
            raise ValueError(f"{where}: {host!r} is no host; write `{DOMAIN} example.org`")
        yield DOMAIN, host_of(f"http://{host}")
        return
    parts = split_url(value)
    if parts is None or not parts.scheme or not host_of(value):
        raise ValueError(
            f"{where}: {value!r} is no URL; write the whole address, or `{DOMAIN} example.org` for a whole host"
        )
    yield "url", normalize_url(value)


def _read_repo(value: str, where: str) -> Iterator[Key]:
    if not _REPOSITORY.fullmatch(value):
        raise ValueError(f"{where}: {value!r} is no repository; write owner/name or its URL")
    yield from (("repo", name) for name in _repository_names(value))


def _read_license(value: str, where: str) -> Iterator[Key]:
    expression = value if value == UNKNOWN else spdx_expression(value)
    if expression is None:
        raise ValueError(f"{where}: {value!r} is no SPDX licence; write one such as GPL-3.0-only, or {UNKNOWN}")
    yield "license", expression


def _read_id(value: str, where: str) -> Iterator[Key]:
    if not _ID.fullmatch(value.lower()):
        raise ValueError(f"{where}: {value!r} is no id; a row_id or pair_id has 32 hexadecimal digits")
    yield "id", value.lower()


_READERS = {"url": _read_url, "repo": _read_repo, "license": _read_license, "id": _read_id}
_NOUNS = {"url": "URL", "repo": "repository (owner/name)", "license": "SPDX licence", "id": "row_id or pair_id"}


def _domains(url: str) -> Sequence[str]:
    """The host of a URL and all that it lies below."""
    host = host_of(url)
    labels = host.split(".")
    if labels[-1].isdigit() or ":" in host:  # an address: nothing lies below it
        return [host]
    return [".".join(labels[i:]) for i in range(len(labels))]


def _repository_names(name: str) -> Iterator[str]:
    """How a repository may be written in a row or a list, in lower case: as it is, and without its forge."""
    yield name.lower().removesuffix("/").removesuffix(".git")
    if "://" in name or "@" in name:
        remote = name_of_remote(name)
        if remote:
            yield remote.lower()
