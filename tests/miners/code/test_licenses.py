import sysconfig
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from miners.code.license_expressions import (
    all_of,
    is_allowed,
    licenses_of,
    permissive_licenses,
    read_licenses,
    spdx_expression,
)
from miners.code.license_metadata import license_of_metadata
from miners.code.license_texts import license_of_notice, license_of_text
from miners.code.licenses import LicenseFinding, Licenses, is_license_file, spdx_of_tag
from miners.code.repository import Entry

ROOT = Path(__file__).resolve().parents[3]
APACHE = (ROOT / "LICENSE").read_text(encoding="utf-8")
MIT = (Path(sysconfig.get_path("purelib")) / "six.py").read_text(encoding="utf-8").split("\n\n")[0].replace("# ", "")
MIT = MIT.replace("\n#\n", "\n\n")
GPL_NOTICE = b"""/*
 * frob.c - frobs things
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version.
 */
int frob(void) { return 1; }
"""


def finder(files, declared=None):
    """`Licenses` over {path: bytes}."""
    entries = [Entry(path, len(data), key=path) for path, data in files.items()]
    return Licenses(entries, lambda entry: files[entry.path], declared)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("mit", "MIT"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("LicenseRef-Own AND MIT", "LicenseRef-Own AND MIT"),
        ("BSD", None),
        ("see LICENSE", None),
        ("MIT OR", None),
        ("(" * 900, None),
        ("", None),
    ],
)
def test_expressions_are_normalised_or_refused(written, expected):
    assert spdx_expression(written) == expected


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT AND LicenseRef-Commons-Clause", False),
    ],
)
def test_a_policy_reads_expressions(expression, allowed):
    assert is_allowed(expression, permissive_licenses()) is allowed


def test_an_exception_can_be_allowed_by_name():
    assert is_allowed(
        "GPL-2.0-only WITH Classpath-exception-2.0", frozenset({"GPL-2.0-only WITH Classpath-exception-2.0"})
    )


def test_a_policy_file_names_its_faulty_line():
    assert read_licenses("MIT # ours\n\nGPL-3.0+\n", "policy") == {"MIT", "GPL-3.0-or-later"}
    with pytest.raises(ValueError, match="policy, line 2: 'BSD'"):
        read_licenses("MIT\nBSD\n", "policy")
    with pytest.raises(ValueError, match="lists no licence"):
        read_licenses("# nothing\n", "policy")


@given(st.text(max_size=60) | st.lists(st.sampled_from(["MIT", "AND", "OR", "WITH", "(", ")", "ISC"])).map(" ".join))
@example("(AND 0")
@example("()")
def test_an_expression_is_stable_once_normalised(text):
    expression = spdx_expression(text)
    if expression is not None:
        assert spdx_expression(expression) == expression
        assert not licenses_of(expression) or is_allowed(expression, frozenset(licenses_of(expression)))


def test_all_of_keeps_choices_together():
    assert all_of(["MIT", "MIT"]) == "MIT"
    assert all_of(["MIT OR ISC", "Zlib"]) == "(MIT OR ISC) AND Zlib"


def test_texts_and_notices():
    assert license_of_text(APACHE) == ("Apache-2.0",)
    assert license_of_text(MIT) == ("MIT",)
    assert license_of_text(MIT + APACHE) == ("MIT", "Apache-2.0")
    assert license_of_text('"Commons Clause" License Condition v1.0\n\n' + MIT)[-1] == "LicenseRef-Commons-Clause"
    assert license_of_text("All rights reserved. Ask us.") == ()
    assert license_of_text("See the MIT license.") == ()
    assert license_of_notice(GPL_NOTICE) == ("GPL-2.0-or-later",)
    assert license_of_notice(b"import os\n# Licensed under the Apache License, Version 2.0\n") == ()
    assert license_of_notice(b"// Use of this source code is governed by a licence in LICENSE\npackage a\n") == ()


def test_tags():
    assert spdx_of_tag(b"# SPDX-License-Identifier: Apache-2.0 OR MIT\n") == "Apache-2.0 OR MIT"
    assert spdx_of_tag(b"/* SPDX-License-Identifier: MIT */") == "MIT"
    assert spdx_of_tag(b"<!-- SPDX-License-Identifier: GPL-2.0+ -->") == "GPL-2.0-or-later"
    assert spdx_of_tag(b"# SPDX-License-Identifier: Nonsense\n") is None


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("package.json", '{"license": "(MIT OR Apache-2.0)"}', "MIT OR Apache-2.0"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "ISC"}]}', "MIT OR ISC"),
        ("package.json", '{"license": "SEE LICENSE IN x"}', None),
        ("package.json", "[" * 100_000, None),
        ("pyproject.toml", '[project]\nlicense = "MIT"\n', "MIT"),
        ("pyproject.toml", '[project]\nlicense = {text = "ISC"}\n', "ISC"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "MPL-2.0"\n', "MPL-2.0"),
        ("pyproject.toml", "[project\n", None),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"\n', "MIT OR Apache-2.0"),
        ("Cargo.toml", "[package]\nlicense.workspace = true\n", None),
        ("setup.cfg", "[metadata]\nclassifiers =\n    License :: OSI Approved :: MIT License\n", "MIT"),
        ("setup.py", "from setuptools import setup\nsetup(name='a', license='MIT')\n", "MIT"),
        ("setup.py", "raise SystemExit\n", None),
        ("METADATA", "Name: a\nLicense: BSD\nClassifier: License :: OSI Approved :: BSD License\n", None),
        ("a.gemspec", "s.licenses = ['MIT', 'Ruby']\n", "MIT OR Ruby"),
        ("composer.json", '{"license": ["MIT", "GPL-3.0-or-later"]}', "MIT OR GPL-3.0-or-later"),
        ("README.md", "MIT", None),
    ],
)
def test_metadata(name, text, expected):
    assert license_of_metadata(name, text.encode()) == expected


@pytest.mark.parametrize(
    "name", ["LICENSE", "LICENCE.txt", "COPYING.LESSER", "MIT-LICENSE", "LICENSE-APACHE", "license.md"]
)
def test_names_of_licence_files(name):
    assert is_license_file(name)


@pytest.mark.parametrize("name", ["license.py", "licenses.json", "test_licenses.go", "licensed.txt", "sublicense"])
def test_names_of_other_files(name):
    assert not is_license_file(name)


def test_the_nearest_statement_wins():
    licenses = finder(
        {
            "LICENSE": APACHE.encode(),
            "package.json": b'{"license": "ISC"}',
            "lib/LICENSE.md": MIT.encode(),
            "tools/package.json": b'{"license": "Zlib"}',
            "odd/LICENSE": b"All rights reserved.",
            "vendor/x/a.py": b"",
        }
    )
    assert licenses.find("a.py", b"") == LicenseFinding("Apache-2.0", "file", "LICENSE")
    assert licenses.find("src/a.py", b"") == LicenseFinding("Apache-2.0", "file", "LICENSE")
    assert licenses.find("lib/deep/er/a.py", b"") == LicenseFinding("MIT", "file", "lib/LICENSE.md")
    assert licenses.find("tools/a.js", b"") == LicenseFinding("Zlib", "metadata", "tools/package.json")
    assert licenses.find("a.py", b"# SPDX-License-Identifier: MIT") == LicenseFinding("MIT", "tag")
    assert licenses.find("a.c", GPL_NOTICE) == LicenseFinding("GPL-2.0-or-later", "notice")
    assert licenses.find("odd/a.py", b"").spdx is None
    assert licenses.find("vendor/x/a.py", b"").spdx is None


def test_metadata_says_how_several_texts_go_together():
    both = {"LICENSE-MIT": MIT.encode(), "LICENSE-APACHE": APACHE.encode()}
    assert finder(both).of("a.rs", b"") == "MIT AND Apache-2.0"
    cargo = {"Cargo.toml": b'[package]\nlicense = "MIT OR Apache-2.0"\n'}
    assert finder(both | cargo).of("src/a.rs", b"") == "MIT OR Apache-2.0"
    assert finder({"COPYING": MIT.encode()}, declared="ISC").of("a.py", b"") == "MIT"
    assert finder({"a.py": b""}, declared="ISC").of("a.py", b"") == "ISC"


def test_the_licence_of_a_wheel_stands_in_its_dist_info():
    licenses = finder({"pkg/a.py": b"", "pkg-1.0.dist-info/licenses/LICENSE": MIT.encode()})
    assert licenses.find("pkg/a.py", b"") == LicenseFinding("MIT", "file", "pkg-1.0.dist-info/licenses/LICENSE")
