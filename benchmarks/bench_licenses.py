"""How much of what is installed here gets a licence, and how often that contradicts what its packagers declared.

Python: every distribution beside this interpreter; its licence files against its METADATA. Debian: every paragraph of
`/usr/share/doc/*/copyright` that gives a licence's text under a short name of DEP-5; the text against the name.

    python benchmarks/bench_licenses.py
"""

from __future__ import annotations

import argparse
import os
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from miners.code.license_expressions import licenses_of, spdx_expression
from miners.code.license_metadata import license_of_headers
from miners.code.license_texts import license_of_text
from miners.code.licenses import family, is_license_file

DEBIAN_NAMES = {
    "Expat": "MIT",
    "BSD-2-clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "BSD-4-clause": "BSD-4-Clause",
    "Apache-2.0": "Apache-2.0",
    "Artistic-2.0": "Artistic-2.0",
    "ISC": "ISC",
    "Zlib": "Zlib",
    "MPL-1.1": "MPL-1.1",
    "GPL-2": "GPL-2.0-only",
    "GPL-2+": "GPL-2.0-or-later",
    "GPL-3": "GPL-3.0-only",
    "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-3+": "LGPL-3.0-or-later",
}
PARAGRAPH = re.compile(r"^License: *(\S+) *\n((?: .*\n?)+)", re.MULTILINE)


def python_packages(folder: str) -> Iterator[tuple[str, str | None, list[str]]]:
    """(name, declared expression, licences of its licence files) of each distribution."""
    for place in sorted(Path(folder).glob("*.dist-info")):
        metadata = place / "METADATA"
        if not metadata.is_file():
            continue
        found: list[str] = []
        for inside, _, names in sorted(os.walk(place)):
            for name in sorted(filter(is_license_file, names)):
                found += license_of_text(Path(inside, name).read_text(encoding="utf-8", errors="replace"))
        yield place.stem, license_of_headers(metadata.read_text(encoding="utf-8", errors="replace")), found


def debian_texts(pattern: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(package, declared licence, licences of the text) of each licence that a copyright file writes out."""
    for path in sorted(Path("/").glob(pattern)):
        text = path.read_text(encoding="utf-8", errors="replace")
        for short, body in PARAGRAPH.findall(text):
            if short in DEBIAN_NAMES and len(body) > 400:
                plain = re.sub(r"^ \.?", "", body, flags=re.MULTILINE)
                yield path.parent.name, DEBIAN_NAMES[short], license_of_text(plain)


def report_python(folder: str) -> None:
    """Print the shares, and each contradiction by name."""
    counts: Counter[str] = Counter()
    for name, declared, found in python_packages(folder):
        stated = {family(one) for one in licenses_of(declared)} if declared else set()
        texts = {family(one) for one in found}
        counts["packages"] += 1
        counts["with a licence in METADATA"] += bool(stated)
        counts["with a licence in a file"] += bool(texts)
        counts["with either"] += bool(stated or texts)
        if stated and texts:
            agree = stated <= texts or texts <= stated
            counts["with both"] += 1
            counts["with both that contradict"] += not agree
            if not agree:
                print(f"  {name}: METADATA says {declared}, its files {', '.join(sorted(texts))}")
    for what, n in counts.items():
        print(f"{n:6,}  {n / counts['packages']:.3f}  {what}")


def report_debian(pattern: str) -> None:
    """Print the shares, and which licences were taken for which."""
    counts: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for _, declared, found in debian_texts(pattern):
        counts["texts"] += 1
        counts["recognised"] += bool(found)
        right = family(spdx_expression(declared) or declared) in {family(one) for one in found}
        counts["recognised as another"] += bool(found) and not right
        if found and not right:
            wrong[declared, ", ".join(found)] += 1
    for what, n in counts.items():
        print(f"{n:6,}  {n / max(1, counts['texts']):.3f}  {what}")
    for (declared, found), n in wrong.most_common(10):
        print(f"  {n:,} × {declared} read as {found}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site-packages", default=sysconfig.get_path("purelib"), metavar="FOLDER")
    parser.add_argument("--copyrights", default="usr/share/doc/*/copyright", metavar="PATTERN")
    args = parser.parse_args()
    print("Python distributions")
    report_python(args.site_packages)
    print("Debian copyright files")
    report_debian(args.copyrights)


if __name__ == "__main__":
    main()
