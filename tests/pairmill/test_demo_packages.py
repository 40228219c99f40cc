"""Finding a pinned archive through pip, taking it only with the pinned bytes, and unpacking nothing but pages."""

import hashlib
import io
import re
import tarfile

import pytest

from pairmill.demo_packages import PACKAGES, Package, RegistryError, fetch, unpack_pages


def make_archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def regular(name, content=b"<p>page</p>"):
    return tarfile.TarInfo(name), content


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A folder that pip takes for its only source, with one archive in it that would fail if it were built."""
    folder = tmp_path / "links with space"
    folder.mkdir()
    setup = b"raise SystemExit('nothing of an archive may run')"
    archive = folder / "realdocs-1.0.tar.gz"
    make_archive(archive, [regular("realdocs-1.0/setup.py", setup), regular("realdocs-1.0/doc/index.html")])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    return archive


def test_fetch_takes_the_pinned_file_through_pips_configuration(registry, tmp_path):
    package = Package("realdocs", "1.0", hashlib.sha256(registry.read_bytes()).hexdigest(), "MIT")
    fetched = fetch(package, tmp_path / "packages")
    assert fetched.read_bytes() == registry.read_bytes()
    registry.unlink()
    assert fetch(package, tmp_path / "packages") == fetched, "a fetched archive is not asked for again"


def test_fetch_refuses_other_bytes_and_leaves_nothing(registry, tmp_path):
    with pytest.raises(RegistryError, match="SHA-256 is not the pinned one"):
        fetch(Package("realdocs", "1.0", "0" * 64, "MIT"), tmp_path / "packages")
    assert not (tmp_path / "packages").exists()


def test_fetch_says_which_package_is_not_there(registry, tmp_path):
    with pytest.raises(RegistryError, match=r"realdocs 2\.0 could not be had"):
        fetch(Package("realdocs", "2.0", "0" * 64, "MIT"), tmp_path / "packages")


def test_the_pins_are_whole():
    assert len({package.name for package in PACKAGES}) == len(PACKAGES)
    for package in PACKAGES:
        assert re.fullmatch("[0-9a-f]{64}", package.sha256) and package.license and package.version


def test_unpacking_writes_pages_and_nothing_outside(tmp_path):
    link = tarfile.TarInfo("d-1/link.html")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard = tarfile.TarInfo("d-1/hard.html")
    hard.type, hard.linkname = tarfile.LNKTYPE, "../../outside.html"
    archive = tmp_path / "d-1.tar.gz"
    make_archive(
        archive,
        [
            regular("d-1/doc/a.html"),
            regular("d-1/b.htm"),
            regular("d-1/setup.py"),
            regular("d-1/../../outside.html"),
            regular("/absolute.html"),
            regular("bare.html"),
            (link, b""),
            (hard, b""),
        ],
    )
    folder = tmp_path / "pages" / "d"
    assert unpack_pages(archive, folder) == 2
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        "d-1.tar.gz",
        "pages/d/b.htm",
        "pages/d/doc/a.html",
    ]
    assert unpack_pages(archive, folder) == 2, "a second time replaces the first"
