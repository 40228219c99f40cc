"""Each reader on real and on hostile input: what it refuses costs that file alone."""

import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from miners.code.mine import CodeConfig, mine_repository
from miners.code.repository import MAX_FILE_BYTES, UnreadableError, safe_path
from miners.code.repository_archive import ArchiveRepository
from miners.code.repository_folder import FolderRepository
from miners.code.repository_git import GitRepository, is_git
from schemas.ledger import Ledger
from schemas.pair import Pair

ROOT = Path(__file__).resolve().parents[3]
GOOD = b'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'


def mine(repository, **config):
    ledger = Ledger("mine-code")
    pairs = [x for x in mine_repository(repository, "uri", CodeConfig(**config), ledger) if isinstance(x, Pair)]
    repository.close()
    ledger.check()
    assert ledger.kept_last() == len(pairs)
    return pairs, ledger.stages["file"]


def tar_of(members, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, tuple):
                info.type, info.linkname = data
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def archive(data, name):
    return ArchiveRepository(io.BytesIO(data), name)


@pytest.mark.parametrize(
    "name", ["../a.py", "/etc/a.py", "a/../../b.py", "C:\\a.py", "..\\a.py", "a\0.py", "", "x/" * 300]
)
def test_names_that_lead_out(name):
    assert safe_path(name) is None


def test_folder_with_links_and_odd_files(tmp_path):
    root = tmp_path / "repo"
    (root / "sub").mkdir(parents=True)
    (root / "good.py").write_bytes(GOOD)
    (root / "latin.py").write_bytes(b"# caf\xe9\n" + GOOD)
    (root / "empty.py").write_bytes(b"")
    (root / "binary.py").write_bytes(b"\0\1\2" * 100)
    (root / "big.py").write_bytes(b"x = 1\n" * (MAX_FILE_BYTES // 5))
    (root / "cr.py").write_bytes(GOOD.replace(b"\n", b"\r"))
    (root / "min.py").write_bytes(b"x=1;" * 10_000)
    (tmp_path / "secret.py").write_bytes(GOOD)
    (root / "out.py").symlink_to(tmp_path / "secret.py")
    (root / "sub" / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.py")
    pairs, files = mine(FolderRepository(str(root)))
    assert [pair.provenance.path for pair in pairs] == ["cr.py", "good.py"]
    assert files.dropped == {"link": 2, "not_a_file": 1, "empty": 1, "binary": 1, "too_large": 1, "minified": 1}
    assert files.failed == {"not_utf8": 1}
    assert files.read == 10


def test_tar_with_names_that_lead_out():
    data = tar_of(
        [
            ("r/good.py", GOOD),
            ("../evil.py", GOOD),
            ("/abs.py", GOOD),
            ("r/link.py", (tarfile.SYMTYPE, "/etc/passwd")),
            ("r/hard.py", (tarfile.LNKTYPE, "r/good.py")),
            ("r/fifo.py", (tarfile.FIFOTYPE, "")),
            ("r/twice.py", b"x = 1\n"),
            ("r/twice.py", GOOD),
        ]
    )
    pairs, files = mine(archive(data, "/in/r.tar.gz"))
    assert [pair.provenance.path for pair in pairs] == ["good.py", "twice.py"]
    assert files.dropped == {"unsafe_name": 2, "link": 2, "not_a_file": 1, "shadowed": 1}
    assert pairs[0].group == "r"


def test_zip_with_links_and_a_bomb():
    link = zipfile.ZipInfo("r/link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    bomb = b"\n" * 50_000_000
    data = zip_of([("r/good.py", GOOD), ("../evil.py", GOOD), (link, "/etc/passwd"), ("r/bomb.py", bomb)])
    pairs, files = mine(archive(data, "r.zip"))
    assert len(pairs) == 1
    assert files.dropped == {"unsafe_name": 1, "link": 1, "too_large": 1}


def test_zip_that_lies_about_a_size():
    data = bytearray(zip_of([("good.py", GOOD), ("lie.py", b"\n" * 5_000_000)]))
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    pairs, files = mine(archive(bytes(data), "r.zip"))
    assert len(pairs) == 1
    assert files.failed == {"unreadable": 1}


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_cut_tar_gives_what_is_whole(mode):
    members = [("a.py", GOOD), ("z.py", os.urandom(300_000).hex().encode())]
    data = tar_of(members, mode)
    pairs, files = mine(archive(data[: len(data) // 2], "r.tar.gz"))
    assert [pair.provenance.path for pair in pairs] == ["a.py"]
    assert sum(files.failed.values()) >= 1


@pytest.mark.parametrize("name", ["r.zip", "r.tar.gz", "r.whl"])
@pytest.mark.parametrize(
    "data", [b"", b"not an archive" * 100, zip_of([("a.py", GOOD)])[:60]], ids=["empty", "text", "cut_zip"]
)
def test_no_archive_at_all(name, data):
    with pytest.raises(UnreadableError):
        archive(data, name)


def test_bomb_of_a_tar_is_cut(monkeypatch):
    monkeypatch.setattr("miners.code.repository_archive.SMALLEST_LIMIT", 1 << 20)
    data = tar_of([("a.py", GOOD), ("b.bin", b"\0" * 30_000_000)])
    pairs, files = mine(archive(data, "r.tgz"))
    assert len(pairs) == 1
    assert files.failed["damaged_repository"] >= 1


def test_wheel_and_sdist_metadata():
    metadata = b"Metadata-Version: 2.4\nName: Some-Thing\nVersion: 1.5\nLicense-Expression: MIT\n"
    wheel = zip_of([("some/a.py", GOOD), ("some_thing-1.5.dist-info/METADATA", metadata)])
    (pair,), _ = mine(archive(wheel, "some_thing-1.5-py3-none-any.whl"))
    place = pair.provenance
    assert (place.repo, place.revision, place.license, place.path) == ("Some-Thing", "1.5", "MIT", "some/a.py")
    sdist = tar_of([("some_thing-1.5/PKG-INFO", metadata), ("some_thing-1.5/some/a.py", GOOD)])
    (other,), _ = mine(archive(sdist, "some_thing-1.5.tar.gz"))
    assert other.row_id == pair.row_id


def test_npm_and_crate_metadata():
    code = b"/** Adds two numbers up. */\nexport function add(a, b) {\n  const c = a + b;\n  return c;\n}\n"
    stated = {
        "name": "@scope/thing",
        "version": "2.0.1",
        "license": "MIT",
        "repository": "git+https://x.org/o/thing.git",
    }
    for change, repo in (
        ({}, "o/thing"),
        ({"repository": {"url": "github:o/thing"}}, "o/thing"),
        ({"repository": {"url": "git@x.org:o/all.git", "directory": "packages/thing"}}, "@scope/thing"),
        ({"repository": "https://x.org/o/all"}, "@scope/thing"),
        ({"repository": 5}, "@scope/thing"),
    ):
        data = tar_of([("package/package.json", json.dumps(stated | change).encode()), ("package/lib/a.mjs", code)])
        (pair,), _ = mine(archive(data, "scope-thing-2.0.1.tgz"))
        place = pair.provenance
        assert (place.repo, place.revision, place.license, place.path) == (repo, "2.0.1", "MIT", "lib/a.mjs")
    cargo = b'[package]\nname = "thing"\nversion = "0.3.0"\nlicense = "MIT OR Apache-2.0"\n'
    (pair,), _ = mine(
        archive(tar_of([("thing-0.3.0/Cargo.toml", cargo), ("thing-0.3.0/a.py", GOOD)]), "thing-0.3.0.crate")
    )
    place = pair.provenance
    assert (place.repo, place.revision, place.license, place.path) == ("thing", "0.3.0", "MIT OR Apache-2.0", "a.py")
    for broken in (b"{", b"[1]", b'{"name": 1}', b"[" * 100_000, b""):
        data = tar_of([("package/package.json", broken), ("package/a.py", GOOD)])
        (pair,), _ = mine(archive(data, "thing-1.0.tgz"))
        assert (pair.provenance.repo, pair.provenance.revision) == ("thing", "1.0")


def test_an_archive_that_unpacks_to_more_than_its_limit(monkeypatch):
    """Members that are each small enough, and together without end."""
    monkeypatch.setattr("miners.code.repository_archive.SMALLEST_LIMIT", 3_000_000)
    monkeypatch.setattr("miners.code.repository_archive.MAX_RATIO", 10)
    many = [("a.py", GOOD)] + [(f"m{i}.py", b"x = 1\n" * 150_000) for i in range(10)]
    pairs, files = mine(archive(zip_of(many), "r.zip"), filters=None)
    assert len(pairs) == 1
    assert files.failed == {"unreadable": 6}
    assert files.kept == 5


def test_a_tar_whose_header_is_larger_than_memory():
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    data = tar_of([("a.py", GOOD)], "w")[:1024] + header.tobuf() + b"0" * 10_000
    pairs, files = mine(archive(data, "r.tar"))
    assert len(pairs) == 1
    assert files.failed == {"damaged_repository": 1}


def test_a_tar_of_nothing_but_names(monkeypatch):
    monkeypatch.setattr("miners.code.repository_archive.MAX_FILES", 50)
    pairs, files = mine(archive(tar_of([("a.py", GOOD)] + [(f"{i}.txt", b"") for i in range(100)]), "r.tar.gz"))
    assert len(pairs) == 1
    assert (files.read, files.failed) == (51, {"damaged_repository": 1})


def test_git_archives_have_their_commit(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "other", "version": "1.0"}')
    (tmp_path / "a.py").write_bytes(GOOD)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    for name in ("out.tar.gz", "out.zip"):
        git(tmp_path, "archive", "--prefix=thing/", "-o", name, "HEAD")
        (pair,), _ = mine(archive((tmp_path / name).read_bytes(), name))
        place = pair.provenance
        assert (place.repo, len(place.revision), place.path) == ("thing", 40, "a.py")


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


def test_git_bare_and_checked_out_give_the_same_rows(tmp_path):
    work = tmp_path / "thing"
    (work / "src").mkdir(parents=True)
    (work / "src" / "ä.py").write_bytes(GOOD)
    shutil.copy(ROOT / "LICENSE", work)
    (work / "link.py").symlink_to("/etc/passwd")
    git(work, "init", "-q")
    git(work, "remote", "add", "origin", "git@example.org:owner/thing.git")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "one")
    (work / "src" / "uncommitted.py").write_bytes(GOOD)
    hook = work / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    git(tmp_path, "clone", "-q", "--bare", str(work), "bare.git")
    git(tmp_path / "bare.git", "remote", "set-url", "origin", "https://example.org/owner/thing")
    assert is_git(str(work)) and is_git(str(tmp_path / "bare.git")) and not is_git(str(tmp_path))
    (pair,), files = mine(GitRepository(str(work)))
    (bare,), _ = mine(GitRepository(str(tmp_path / "bare.git")))
    assert pair == bare
    assert (pair.group, pair.provenance.path, pair.provenance.license) == ("owner/thing", "src/ä.py", "Apache-2.0")
    assert len(pair.provenance.revision) == 40
    assert files.dropped == {"link": 1, "unknown_language": 1}


def test_git_without_a_commit(tmp_path):
    git(tmp_path, "init", "-q")
    with pytest.raises(UnreadableError, match="commit"):
        GitRepository(str(tmp_path))


def test_git_runs_nothing_of_the_repository(tmp_path):
    (tmp_path / "a.py").write_bytes(GOOD)
    (tmp_path / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    mark = tmp_path / "ran"
    for name in ("core.fsmonitor", "filter.evil.smudge", "diff.evil.textconv", "core.pager", "core.sshCommand"):
        git(tmp_path, "config", name, f"touch {mark}; cat")
    pairs, _ = mine(GitRepository(str(tmp_path)))
    assert len(pairs) == 1
    assert not mark.exists()


def test_filters_off_keep_what_can_be_a_pair(tmp_path):
    (tmp_path / "test_a.py").write_bytes(b'def f():\n    """Doc"""\n\ndef g():\n    """ """\n')
    pairs, _ = mine(FolderRepository(str(tmp_path)), filters=None)
    assert [(pair.anchor, pair.positive) for pair in pairs] == [("Doc", "def f():\n    pass")]


def test_anchor_and_languages(tmp_path):
    (tmp_path / "a.py").write_bytes(GOOD.replace(b"up.", b"up.\n\n    And more.\n    "))
    (tmp_path / "a.go").write_bytes(b"package a\n\n// Add adds two numbers.\nfunc Add() int {\n\treturn 1\n}\n")
    pairs, files = mine(FolderRepository(str(tmp_path)), anchor="summary", languages=("python",))
    assert [pair.anchor for pair in pairs] == ["Adds two numbers up."]
    assert files.dropped == {"other_language": 1}
    with pytest.raises(ValueError, match="the anchors are"):
        CodeConfig(anchor="title")
