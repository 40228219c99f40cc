"""A git repository, bare or checked out: the tree of HEAD, read from the object store.

Nothing of the repository runs: no hook, filter, pager, monitor or transport; submodules and LFS files are not fetched.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from datetime import UTC, datetime

from miners.code.repository import About, Entry, UnreadableError, in_order, safe_path, strip_suffix

GIT_SECONDS = 120
_REMOTE = re.compile(r"(?:^[a-z+]+://[^/]+/|^[^/\s:]+@?[^/\s:]*:)(?P<path>.+?)/?$")
_SAFE = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "safe.directory=*")


def is_git(path: str) -> bool:
    """Whether the folder is a git repository itself (not merely inside one)."""
    if os.path.exists(os.path.join(path, ".git")):
        return True
    return all(os.path.exists(os.path.join(path, name)) for name in ("HEAD", "objects", "refs"))


class GitRepository:
    """HEAD's files. Raises UnreadableError for a repository without a commit, and where git is not installed."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._blobs: subprocess.Popen[bytes] | None = None
        revision = self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        seconds = int(self._git("show", "-s", "--format=%ct", revision).split()[-1])
        date = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.about: About = About(self._name(), revision, None, date)
        self.broken: list[str] = []
        listing = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", revision)
        self.entries: list[Entry] = in_order(map(_entry, filter(None, listing.split(b"\0"))))

    def read(self, entry: Entry) -> bytes:
        """A blob through one long-lived `git cat-file`."""
        if self._blobs is None:
            self._blobs = subprocess.Popen(
                self._command("cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
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

    def _name(self) -> str:
        try:
            url = self._git("config", "--get", "remote.origin.url").decode("utf-8", "replace").strip()
        except UnreadableError:
            url = ""
        found = _REMOTE.search(url)
        if found and not url.startswith("file:"):
            return strip_suffix("/".join(found["path"].strip("/").split("/")[-2:]))
        return strip_suffix(os.path.basename(self._path))

    def _command(self, *arguments: str) -> list[str]:
        settings = [part for setting in _SAFE for part in ("-c", setting)]
        return ["git", "--no-pager", "--no-replace-objects", *settings, "-C", self._path, *arguments]

    def _git(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                self._command(*arguments), capture_output=True, env=_environment(), timeout=GIT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnreadableError(f"git does not run here: {error}") from None
        if done.returncode:
            cause = " ".join(done.stderr.decode("utf-8", "replace").split()) or "HEAD names no commit"
            raise UnreadableError(f"git {arguments[0]}: {cause}")
        return done.stdout


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


def _environment() -> dict[str, str]:
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
