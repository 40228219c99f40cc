"""What a package's own metadata states as its licence: the files that registries read, parsed and never run."""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from email.parser import HeaderParser
from typing import Any

from miners.code.license_expressions import all_of, spdx_expression
from miners.code.license_texts import license_of_text

_CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "zlib/libpng License": "Zlib",
}
"""Trove classifiers that say which licence; `BSD License` and the like leave that open."""
_TEXT_FROM = 200
"""A `License` field of more characters holds the text itself."""


def license_of_metadata(name: str, data: bytes) -> str | None:
    """The SPDX expression that a metadata file of this name states; None where it states none that is one."""
    read = _gemspec if name.endswith(".gemspec") else READERS.get(name)
    if read is None:
        return None
    try:
        return read(data.decode("utf-8"))
    except (ValueError, SyntaxError, RecursionError, MemoryError, AttributeError, configparser.Error):
        return None


def license_of_headers(text: str) -> str | None:
    """Of Python's METADATA and PKG-INFO: the expression, the licence field, or the classifiers."""
    headers = HeaderParser().parsestr(text)
    return (
        spdx_expression(headers.get("License-Expression") or "")
        or _of_field(headers.get("License"))
        or license_of_classifiers(headers.get_all("Classifier") or [])
    )


def license_of_classifiers(classifiers: Iterable[str]) -> str | None:
    """The licence of the trove classifiers, where they name exactly one, and which one is certain."""
    names = [line.rsplit("::", 1)[-1].strip() for line in classifiers if line.startswith("License ::")]
    found = {_CLASSIFIERS.get(name) for name in names if name != "OSI Approved"}
    return found.pop() if len(found) == 1 else None


def _of_field(value: Any) -> str | None:
    """A licence as people write it: an expression, a text, a table around either, or a list of alternatives."""
    if isinstance(value, Mapping):
        return _of_field(value.get("text") or value.get("type") or value.get("name"))
    if isinstance(value, list):
        found = [_of_field(item) for item in value]
        if not found or None in found:
            return None
        return spdx_expression(" OR ".join(f"({one})" for one in found))
    if not isinstance(value, str):
        return None
    if len(value) > _TEXT_FROM:
        names = license_of_text(value)
        return all_of(names) if names else None
    return spdx_expression(value)


def _pyproject(text: str) -> str | None:
    project = tomllib.loads(text)
    named = project.get("project", {})
    poetry = project.get("tool", {}).get("poetry", {})
    return (
        _of_field(named.get("license"))
        or _of_field(poetry.get("license"))
        or license_of_classifiers(named.get("classifiers") or poetry.get("classifiers") or [])
    )


def _cargo(text: str) -> str | None:
    return _of_field(tomllib.loads(text).get("package", {}).get("license"))


def _json(text: str) -> str | None:
    package = json.loads(text)
    return _of_field(package.get("license") or package.get("licenses"))


def _setup_cfg(text: str) -> str | None:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    if not parser.has_section("metadata"):
        return None
    metadata = parser["metadata"]
    lines = (metadata.get("classifiers") or metadata.get("classifier") or "").splitlines()
    return _of_field(metadata.get("license")) or license_of_classifiers([line.strip() for line in lines])


def _setup_py(text: str) -> str | None:
    """The literal arguments of the call to `setup`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _name(node.func) == "setup":
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            lines = [_constant(item) for item in getattr(given.get("classifiers"), "elts", [])]
            return _of_field(_constant(given.get("license"))) or license_of_classifiers(filter(None, lines))
    return None


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _gemspec(text: str) -> str | None:
    found = re.search(r"\.licenses?\s*=\s*\[?\s*(.{1,200})", text)
    named = re.findall(r"[\"']([^\"']+)[\"']", found[1]) if found else []
    return _of_field(named) if named else None


READERS: dict[str, Callable[[str], str | None]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    "METADATA": license_of_headers,
    "PKG-INFO": license_of_headers,
    "package.json": _json,
    "composer.json": _json,
    "Cargo.toml": _cargo,
}
"""By file name, in the order in which they are asked; a gemspec bears its gem's name."""


def is_metadata(name: str) -> bool:
    """Whether a file of this name may state a licence."""
    return name in READERS or name.endswith(".gemspec")
