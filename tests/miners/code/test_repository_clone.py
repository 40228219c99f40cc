"""Clones over real HTTP on loopback: what comes over, what fails and why, and that nothing of a repository runs."""

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from miners.code.mine import CodeConfig, mine_repository
from miners.code.repository_clone import ClonedRepository, CloneError, CloneLimits, fetch
from schemas.ledger import Ledger
from schemas.pair import Pair

GOOD = b'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'
LIMITS = CloneLimits(seconds=20, protocols=("http",))


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def piped(folder, text, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.strip()


class Backend(http.server.BaseHTTPRequestHandler):
    """`git http-backend` behind HTTP, as its manual sets it up; `misdeeds` maps a path's first part to what it does."""

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.server.requests.append(self.path)
        misdeed = self.server.misdeeds.get(self.path.split("/")[1])
        if misdeed is not None:
            return misdeed(self)
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(length),
            capture_output=True,
            env=os.environ
            | {
                "GIT_PROJECT_ROOT": str(self.server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(length),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "served"
    root.mkdir()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    httpd.root, httpd.misdeeds, httpd.requests = root, {}, []
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    httpd.url = f"http://127.0.0.1:{httpd.server_port}"
    yield httpd
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def served(server, tmp_path):
    """A repository of three commits, `owner/thing` on the server; gives (URL, its work tree)."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    for i in range(3):
        (work / f"m{i}.py").write_bytes(GOOD)
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", str(i))
    git(work, "tag", "v1", "HEAD~1")
    publish(server, work)
    return f"{server.url}/owner/thing.git", work


def publish(server, work):
    target = server.root / "owner" / "thing.git"
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(exist_ok=True)
    git(work.parent, "clone", "-q", "--bare", str(work), str(target))


def mine(repository):
    ledger = Ledger("mine-code")
    pairs = [x for x in mine_repository(repository, "uri", CodeConfig(), ledger) if isinstance(x, Pair)]
    repository.close()
    ledger.check()
    return pairs, ledger.stages["file"]


def paths(repository):
    try:
        return [entry.path for entry in repository.entries]
    finally:
        repository.close()


def test_one_commit_comes_over_and_the_scratch_goes(served, tmp_path):
    url, work = served
    scratch = tmp_path / "scratch"
    repository = ClonedRepository(url, None, LIMITS, str(scratch))
    (clone,) = scratch.iterdir()
    assert git(clone, "rev-list", "--count", "FETCH_HEAD") == "1"
    assert not (clone / "m0.py").exists()
    pairs, _ = mine(repository)
    assert [pair.provenance.path for pair in pairs] == ["m0.py", "m1.py", "m2.py"]
    place = pairs[0].provenance
    assert (place.repo, place.revision) == ("owner/thing", git(work, "rev-parse", "HEAD"))
    assert place.date.endswith("Z")
    assert not list(scratch.iterdir())


def test_pinned_revisions(served):
    url, work = served
    first = git(work, "rev-parse", "HEAD~2")
    assert paths(ClonedRepository(url, first, LIMITS)) == ["m0.py"]
    assert paths(ClonedRepository(url, "v1", LIMITS)) == ["m0.py", "m1.py"]
    assert paths(ClonedRepository(url, "main", LIMITS)) == ["m0.py", "m1.py", "m2.py"]


@pytest.mark.parametrize("revision", ["nope", "1" * 40, "--upload-pack=touch ran"])
def test_a_revision_that_there_is_not(served, server, tmp_path, revision):
    with pytest.raises(CloneError) as raised:
        ClonedRepository(served[0], revision, LIMITS, str(tmp_path / "scratch"))
    assert raised.value.reason == "clone_failed"
    assert not list((tmp_path / "scratch").iterdir())
    assert len(server.requests) <= 2  # it is not asked for again


def test_a_repository_that_there_is_not(server, served):
    server.requests.clear()
    with pytest.raises(CloneError, match="not found") as raised:
        ClonedRepository(f"{server.url}/owner/none.git", None, LIMITS)
    assert raised.value.reason == "clone_failed"
    assert len(server.requests) == 1


def test_a_server_that_stalls(server, served, tmp_path):
    server.misdeeds["owner"] = lambda handler: time.sleep(30)
    begun = time.monotonic()
    with pytest.raises(CloneError) as raised:
        ClonedRepository(served[0], None, CloneLimits(1, protocols=("http",)), str(tmp_path / "scratch"))
    assert raised.value.reason == "clone_timeout"
    assert time.monotonic() - begun < 20
    assert not list((tmp_path / "scratch").iterdir())


def test_a_server_that_fails_at_first_is_asked_again(server, served, tmp_path):
    def fail_twice(handler):
        if len(server.requests) == 2:
            server.misdeeds.clear()
        handler.send_error(503)

    waits = []
    server.misdeeds["owner"] = fail_twice
    (tmp_path / "into").mkdir()
    fetch(served[0], "HEAD", str(tmp_path / "into"), LIMITS, sleep=waits.append)
    assert waits == [1.0, 4.0]
    server.misdeeds["owner"] = lambda handler: handler.send_error(503)
    with pytest.raises(CloneError, match="503"):
        fetch(served[0], "HEAD", str(tmp_path / "into"), LIMITS, sleep=waits.append)
    assert waits == [1.0, 4.0, 1.0, 4.0]


def test_a_repository_that_is_too_large(server, served, tmp_path):
    (served[1] / "data.bin").write_bytes(os.urandom(3_000_000))
    git(served[1], "add", "-A")
    git(served[1], "commit", "-q", "-m", "large")
    publish(server, served[1])
    with pytest.raises(CloneError) as raised:
        ClonedRepository(served[0], None, CloneLimits(20, 1_000_000, ("http",)), str(tmp_path / "scratch"))
    assert raised.value.reason == "clone_too_large"
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    "url",
    ["file://{folder}", "{folder}", "ext::sh -c 'touch {folder}/ran'", "--upload-pack=touch {folder}/ran", "fd::0"],
)
def test_protocols_that_nobody_allowed(served, url):
    folder = served[1]
    with pytest.raises(CloneError) as raised:
        ClonedRepository(url.format(folder=folder), None, LIMITS)
    assert raised.value.reason == "clone_failed"
    assert not (folder / "ran").exists()


def test_a_redirect_to_a_protocol_that_nobody_allowed(server, served):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", f"file://{served[1]}")
        handler.end_headers()

    server.misdeeds["owner"] = redirect
    with pytest.raises(CloneError):
        ClonedRepository(served[0], None, LIMITS)


def test_folders_of_this_machine_when_they_are_allowed(served):
    local = CloneLimits(20, protocols=("file",))
    repository = ClonedRepository(f"file://{served[1]}", None, local)
    assert repository.about.name == "work"
    assert len(paths(repository)) == 3


def test_a_hostile_repository(server, served, tmp_path):
    """Hooks, filters, submodules, links and LFS pointers come over as data or not at all."""
    work, ran = served[1], tmp_path / "ran"
    (work / ".gitattributes").write_text("*.py filter=evil diff=evil merge=evil\n*.bin filter=lfs\n")
    (work / ".gitmodules").write_text(
        f'[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c "touch {ran}"\n\tupdate = !touch {ran}\n'
    )
    (work / ".lfsconfig").write_text(f"[lfs]\n\turl = {server.url}/lfs\n")
    (work / "model.py").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    (work / "passwd.py").symlink_to("/etc/passwd")
    (work / "loop").symlink_to(".")
    git(work, "add", "-A")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},evil")
    git(work, "commit", "-q", "-m", "evil")
    publish(server, work)
    bare = server.root / "owner" / "thing.git"
    for hook in ("post-checkout", "post-merge", "reference-transaction", "post-index-change"):
        (bare / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (bare / "hooks" / hook).chmod(0o755)
    pairs, files = mine(ClonedRepository(served[0], None, LIMITS))
    assert len(pairs) == 3
    assert files.dropped == {"link": 2, "not_a_file": 1, "unknown_language": 3, "lfs_pointer": 1}
    assert not ran.exists()
    assert not any("lfs" in request for request in server.requests)


def test_the_users_own_git_settings_run_nothing(served, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "reference-transaction").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (template / "reference-transaction").chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[init]\n\ttemplateDir = {tmp_path / 'template'}\n[core]\n\tsshCommand = touch {ran}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    assert len(paths(ClonedRepository(served[0], None, LIMITS))) == 3
    assert not ran.exists()


def test_a_tree_that_never_ends_is_cut(served, server, monkeypatch):
    """The git bomb: ten names a folder, each the same folder, ten levels deep."""
    monkeypatch.setattr("miners.code.repository_git.MAX_FILES", 10_000)
    bare = server.root / "owner" / "thing.git"
    kind, mode, key = "blob", "100644", piped(bare, GOOD.decode(), "hash-object", "-w", "--stdin")
    for _ in range(10):
        lines = "".join(f"{mode} {kind} {key}\td{i}.py\n" for i in range(10))
        made = subprocess.run(
            ["git", "-C", str(bare), "mktree"], input=lines, capture_output=True, text=True, check=True
        )
        kind, mode, key = "tree", "40000", made.stdout.strip()
    commit = git(bare, "commit-tree", key, "-m", "bomb")
    git(bare, "update-ref", "refs/heads/main", commit)
    repository = ClonedRepository(served[0], None, LIMITS)
    assert len(repository.entries) <= 10_000
    assert "more than 10,000 files" in repository.broken[0]
    repository.close()


def test_a_signature_is_not_checked(served, tmp_path):
    """`log.showSignature` with a `gpg.program` in a repository's own settings would run it."""
    from miners.code.repository_git import GitRepository

    work, ran = served[1], tmp_path / "ran"
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    raw = git(work, "cat-file", "commit", "HEAD")
    head, _, message = raw.partition("\n\n")
    signed = f"{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n a\n -----END PGP SIGNATURE-----\n\n{message}\n"
    key = subprocess.run(
        ["git", "-C", str(work), "hash-object", "-t", "commit", "-w", "--stdin"],
        input=signed,
        capture_output=True,
        text=True,
    ).stdout.strip()
    git(work, "update-ref", "refs/heads/main", key)
    git(work, "config", "log.showSignature", "true")
    git(work, "config", "gpg.program", str(program))
    assert len(paths(GitRepository(str(work)))) == 3
    assert not ran.exists()
    git(work, "show", "-s", "HEAD")
    assert Path(ran).exists()


def test_a_server_that_nobody_answers_for():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/owner/thing"
        with pytest.raises(CloneError, match="connect"):
            fetch(url, "HEAD", "/nonexistent-parent", LIMITS, sleep=lambda _: None)


def test_limits_that_are_none():
    with pytest.raises(ValueError, match="protocol"):
        CloneLimits(protocols=("ext",))
    with pytest.raises(ValueError, match="above 0"):
        CloneLimits(seconds=0)
