"""The demo's web input: source distributions with HTML documentation, out of the package registry.

pip says where a file lies, as the machine's own pip configuration has it (index, mirrors, find-links); the file itself
is fetched here, held against the SHA-256 that stands below, and only its HTML pages are written out. Nothing that is
fetched is built, imported or run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# The largest archive below has 15 MB and its largest page 6 MB.
MAX_ARCHIVE_BYTES = 64 << 20
MAX_PAGE_BYTES = 16 << 20
PIP_SECONDS = 120
FETCH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned source distribution; `license` is what its documentation is under."""

    name: str
    version: str
    sha256: str
    license: str


PACKAGES = (
    Package("sqlalchemy", "2.1.9", "d700a8b2edfb26282a470333d6bc4a454c4acda4d201a3bea7b72fa76c217d28", "MIT"),
    Package("pygame", "2.6.1", "56fb02ead529cee00d415c3e007f75e0780c655909aaa8e8bf616ee09c9feb1f", "LGPL-2.1"),
    Package("lxml", "6.1.3", "45222d94ddd511536f3b2f7d9deae3b2339b4ce0f075f1ca25703b07cad9dd21", "BSD-3-Clause"),
    Package("alembic", "1.20.1", "83490def1f723413db5096591f7609ac52544805be93849170088ed04f5a2e0b", "MIT"),
)


class RegistryError(Exception):
    """The registry did not give the pinned file; the message is one sentence."""


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive in `folder`, whose bytes have the pinned SHA-256; taken from there if it is there already.

    Raises RegistryError if no place that pip knows gives these bytes.
    """
    target = folder / f"{package.name}-{package.version}.tar.gz"
    if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == package.sha256:
        return target
    why = "pip knows no such file"
    for url in _links(package):
        try:
            data = _read(url)
        except OSError as error:
            why = f"{type(error).__name__}: {error}"
            continue
        if hashlib.sha256(data).hexdigest() == package.sha256:
            folder.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            part.write_bytes(data)
            part.replace(target)
            return target
        why = "its SHA-256 is not the pinned one"
    raise RegistryError(f"{package.name} {package.version} could not be had from the package registry ({why}).")


def unpack_pages(archive: Path, folder: Path) -> int:
    """Writes the archive's HTML pages below `folder`, without the archive's first path part; returns their number.

    Only regular files whose path stays inside are written: a link, an absolute name, `..` or a page above
    MAX_PAGE_BYTES is left out.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    part.mkdir(parents=True)
    written = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isreg() or path.suffix not in (".html", ".htm") or member.size > MAX_PAGE_BYTES:
                continue
            if path.is_absolute() or ".." in path.parts or "\\" in member.name or len(path.parts) < 2:
                continue
            target = part.joinpath(*path.parts[1:])
            content = tar.extractfile(member)
            if content is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
            written += 1
    part.replace(folder)
    return written


def _links(package: Package) -> list[str]:
    """Where pip finds the source distribution. The requirement contradicts itself, so pip lists and fetches nothing."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-vv", "--no-input"]
    try:
        done = subprocess.run(
            [*command, "--retries", "1", "--timeout", "15", f"{package.name}=={package.version},<0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PIP_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryError(f"pip did not answer where {package.name} is ({type(error).__name__}).") from error
    name = re.escape(f"{package.name}-{package.version}.tar.gz")
    return list(dict.fromkeys(re.findall(rf"Found link (\S+/{name})(?=[#, ])", done.stdout)))


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=FETCH_SECONDS, context=_certificates()) as answer:
        data = answer.read(MAX_ARCHIVE_BYTES + 1)
    if len(data) > MAX_ARCHIVE_BYTES:
        raise OSError(f"more than {MAX_ARCHIVE_BYTES >> 20} MB")
    return data


def _certificates() -> ssl.SSLContext:
    """The system's certificates, and those that pip was told of for a registry of its own."""
    context = ssl.create_default_context()
    bundle = os.environ.get("PIP_CERT", "")
    if bundle and Path(bundle).is_file():
        context.load_verify_locations(cafile=bundle)
    return context
