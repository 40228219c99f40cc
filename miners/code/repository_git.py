"""A git repository, bare or checked out: the tree of a revision, read from the object store.

Nothing of the repository runs: no hook, filter, pager, monitor or transport; submodules and LFS files are not fetched.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

from miners.code.repository import MAX_FILES, About, Entry, UnreadableError, in_order, safe_path, strip_suffix

GIT_SECONDS = 120
_REMOTE = re.compile(r"(?:^[a-z+]+://[^/]+/|^[^/\s:]+@?[^/\s:]*:)(?P<path>.+?)/?$")
SAFE_SETTINGS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "safe.directory=*")
_BLOCK = 1 << 20
_COMMITTED = re.compile(rb"^committer .*> (\d+) [+-]\d+$", re.MULTILINE)


def is_git(path: str) -> bool:
    """Whether the folder is a git repository itself (not merely inside one)."""
    if os.path.exists(os.path.join(path, ".git")):
        return True
    return all(os.path.exists(os.path.join(path, name)) for name in ("HEAD", "objects", "refs"))


def name_of_remote(url: str) -> str | None:
    """The last two parts of a remote's path, `owner/name`; None for a folder of this machine."""
    found = _REMOTE.search(url)
    if not found or url.startswith("file:"):
        return None
    return strip_suffix("/".join(found["path"].strip("/").split("/")[-2:]))


class GitRepository:
    """The files of `revision`: a branch, a tag, a commit; `name` of None is told from the remote or the folder.

    Raises UnreadableError where there is no such commit, and where git is not installed.
    """

    _blobs: subprocess.Popen[bytes] | None = None

    def __init__(self, path: str, revision: str = "HEAD", name: str | None = None, remote: str | None = None) -> None:
        self._path = os.path.abspath(path)
        commit = self._commit(revision)
        # Not by `git show`: it may run a program of the repository's settings to check a signature.
        date = _date(self._git("cat-file", "commit", commit))
        remote = remote or self._remote()
        name = name or name_of_remote(remote) or strip_suffix(os.path.basename(self._path))
        self.about: About = About(name, commit, None, date, remote or None)
        self.broken: list[str] = []
        self.entries: list[Entry] = in_order(map(_entry, self._listing(commit)))

    def read(self, entry: Entry) -> bytes:
        """A blob through one long-lived `git cat-file`."""
        if self._blobs is None:
            self._blobs = subprocess.Popen(
                self._command("cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )
        stdin, stdout = self._blobs.stdin, self._blobs.stdout
        if stdin is None or stdout is None:
            raise UnreadableError("git has no pipes")
        try:
            stdin.write(entry.key + b"\n")
            stdin.flush()
            header = stdout.readline().split()
            if len(header) != 3 or header[1] != b"blob":
                raise UnreadableError(f"git has no such object: {b' '.join(header).decode('utf-8', 'replace')}")
            data = stdout.read(int(header[2]) + 1)
        except OSError as error:
            self.close()
            raise UnreadableError(f"git ended: {error}") from None
        if len(data) != int(header[2]) + 1:
            self.close()
            raise UnreadableError("git ended within the object")
        return data[:-1]

    def close(self) -> None:
        """End the process that reads blobs."""
        if self._blobs is not None:
            blobs, self._blobs = self._blobs, None
            for pipe in (blobs.stdin, blobs.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            blobs.kill()
            blobs.wait()

    def _commit(self, revision: str) -> str:
        if not revision or revision.startswith("-"):
            raise UnreadableError(f"{revision!r} names no revision")
        try:
            return self._git("rev-parse", "--verify", "--quiet", revision + "^{commit}").decode().strip()
        except UnreadableError as error:
            raise UnreadableError(str(error) or f"{revision} names no commit") from None

    def _listing(self, revision: str) -> Iterator[bytes]:
        """The lines of the tree; of one that never ends (folders within themselves a million times) `MAX_FILES`."""
        command = self._command("ls-tree", "-r", "-z", "-l", "--full-tree", revision)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as listing:
            count, rest = 0, b""
            while listing.stdout and (block := listing.stdout.read(_BLOCK)):
                *lines, rest = (rest + block).split(b"\0")
                count += len(lines)
                if count > MAX_FILES:
                    listing.kill()
                    self.broken.append(f"lists more than {MAX_FILES:,} files; the rest was not read")
                    return
                yield from lines
            cause = listing.stderr.read() if listing.stderr else b""
            if listing.wait():
                self.broken.append("git ls-tree: " + " ".join(cause.decode("utf-8", "replace").split()))

    def _remote(self) -> str:
        try:
            return self._git("config", "--get", "remote.origin.url").decode("utf-8", "replace").strip()
        except UnreadableError:
            return ""

    def _command(self, *arguments: str) -> list[str]:
        settings = [part for setting in SAFE_SETTINGS for part in ("-c", setting)]
        return ["git", "--no-pager", "--no-replace-objects", *settings, "-C", self._path, *arguments]

    def _git(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                self._command(*arguments), capture_output=True, env=environment(), timeout=GIT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnreadableError(f"git does not run here: {error}") from None
        if done.returncode:
            cause = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise UnreadableError(f"git {arguments[0]}: {cause}" if cause else "")
        return done.stdout


def _date(commit: bytes) -> str | None:
    """When the commit object was made; None for a date that is none."""
    found = _COMMITTED.search(commit.split(b"\n\n", 1)[0])
    try:
        return datetime.fromtimestamp(int(found[1]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if found else None
    except (OverflowError, ValueError, OSError):
        return None


def _entry(line: bytes) -> Entry:
    about, name = line.split(b"\t", 1)
    mode, _, key, size = about.split()
    path = name.decode("utf-8", "surrogateescape")
    safe = safe_path(path)
    count = int(size) if size.isdigit() else 0
    if safe is None:
        return Entry(name.decode("utf-8", "replace"), count, "unsafe_name")
    if mode == b"120000":
        return Entry(safe, count, "link")
    return Entry(safe, count, None if mode.startswith(b"100") else "not_a_file", key)


def environment() -> dict[str, str]:
    """No settings of the user or the machine, no prompt, no transport (a partial clone would fetch what it lacks)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
