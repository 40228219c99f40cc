"""From a repository to rows: licences, links, secrets, and what the ledger says of them."""

import ast
import subprocess

import pytest

from miners.code.config import CodeConfig
from miners.code.filters import CodeFilters
from miners.code.license_expressions import permissive_licenses
from miners.code.mine import mine_repository
from miners.code.repository_folder import FolderRepository
from miners.code.repository_git import GitRepository
from miners.code.secret_removal import parses_as_before
from schemas.ledger import Ledger
from schemas.pair import Pair, Part, pairs_to_table
from schemas.rejects import Reject

KEY = "AKIA" + "QX5Z7RTNOP3LMB2K"
ADD = '''def add(a, b):
    """Adds two numbers up."""
    c = a + b
    return c
'''
SECRET = f'''class Store:
    def open(self):
        """Opens the store of the backups."""
        key = "{KEY}"
        self.client = connect(key)
        return self.client
'''


def mine(repository, **config):
    ledger = Ledger("mine-code")
    rows = list(mine_repository(repository, "uri", CodeConfig(**config), ledger))
    repository.close()
    ledger.check()
    return [row for row in rows if isinstance(row, Pair)], [row for row in rows if isinstance(row, Reject)], ledger


@pytest.fixture
def licensed(tmp_path):
    for name, license in (("mit", "MIT"), ("gpl", "GPL-3.0-only"), ("both", "GPL-2.0-only OR MIT"), ("none", None)):
        tag = f"# SPDX-License-Identifier: {license}\n" if license else ""
        (tmp_path / f"{name}.py").write_text(tag + ADD.replace("add", name))
    return FolderRepository(str(tmp_path))


def test_a_policy_leaves_files_out_and_counts_them(licensed):
    pairs, _, ledger = mine(licensed, licenses=permissive_licenses())
    assert [pair.provenance.symbol for pair in pairs] == ["both", "mit"]
    assert ledger.stages["file"].dropped == {"license": 2}
    pairs, _, ledger = mine(licensed)
    assert [pair.provenance.license for pair in pairs] == ["GPL-2.0-only OR MIT", "GPL-3.0-only", "MIT", None]
    pairs, _, _ = mine(licensed, licenses=frozenset({"GPL-3.0-only"}))
    assert [pair.provenance.symbol for pair in pairs] == ["gpl"]


def test_rows_of_a_forge_bear_a_link(tmp_path):
    (tmp_path / "a.py").write_text("import os\n\n\n" + ADD)
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", "https://token:s3cret@github.com/owner/thing.git"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "one"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (pair,), _, _ = mine(GitRepository(str(tmp_path)))
    revision = pair.provenance.revision
    assert pair.provenance.url == f"https://github.com/owner/thing/blob/{revision}/a.py#L4-L7"
    (pair,), _, _ = mine(FolderRepository(str(tmp_path)))
    assert pair.provenance.url is None


def test_secrets_are_redacted_and_the_code_still_parses(tmp_path):
    (tmp_path / "a.py").write_text(SECRET)
    (pair,), _, ledger = mine(FolderRepository(str(tmp_path)))
    assert KEY not in repr(pair)
    assert "<SECRET:AWSKeyDetector>" in pair.positive
    ast.parse(pair.positive.replace("\n    ", "\n"))
    assert pair.signals.quality == (("secrets_redacted", 1.0),)
    assert ledger.notes == {"secrets_redacted": 1}
    span = SECRET.encode()[pair.provenance.start_byte : pair.provenance.end_byte].decode()
    assert span.split('"""')[2].strip().replace(KEY, "<SECRET:AWSKeyDetector>") in pair.positive


def test_secrets_are_dropped_or_kept_on_request(tmp_path):
    (tmp_path / "a.py").write_text(SECRET)
    pairs, rejects, ledger = mine(FolderRepository(str(tmp_path)), secrets="drop", keep_rejects=True)
    assert not pairs and ledger.stages["pair"].dropped == {"secret": 1}
    assert [reject.reason for reject in rejects] == ["secret"] and KEY not in repr(rejects)
    (pair,), _, _ = mine(FolderRepository(str(tmp_path)), secrets="keep")
    assert KEY in pair.positive and not pair.signals.quality


def test_secrets_of_the_documentation_go_from_its_raw_form_too(tmp_path):
    (tmp_path / "a.py").write_text(ADD.replace("two numbers", f"two numbers with {KEY}"))
    (pair,), _, _ = mine(FolderRepository(str(tmp_path)))
    assert KEY not in repr(pair) and "<SECRET:" in pair.anchor and "<SECRET:" in pair.provenance.docstring_raw


def test_a_placeholder_outside_a_literal_does_not_pass():
    before = "def f():\n    return abc\n"
    assert parses_as_before(before, before.replace("abc", "'<SECRET:x>'"), "python")
    assert not parses_as_before(before, before.replace("abc", "<SECRET:x>"), "python")
    assert parses_as_before("int f() { return 1; }", "int f() { return 2; }", "go")


def test_documentation_in_other_languages_is_told_and_can_be_left_out(tmp_path):
    german = "Berechnet die Summe der beiden Zahlen und gibt das Ergebnis an."
    (tmp_path / "a.py").write_text(ADD + "\n\n" + ADD.replace("Adds two numbers up.", german))
    pairs, _, _ = mine(FolderRepository(str(tmp_path)))
    assert [pair.signals.docstring_language for pair in pairs] == ["en", "de"]
    filters = CodeFilters(docstring_languages=("en",))
    pairs, _, ledger = mine(FolderRepository(str(tmp_path)), filters=filters)
    assert len(pairs) == 1 and ledger.stages["pair"].dropped == {"docstring_language": 1}


def test_a_wrong_setting_names_the_mend():
    with pytest.raises(ValueError, match="must be one of redact, drop, keep"):
        CodeConfig(secrets="hide")


def test_rows_hold_what_the_anchor_does_not(tmp_path):
    doc = "Adds two numbers up.\n\n    Slowly.\n\n    Args:\n        a (int): the first\n\n"
    doc += "    Returns:\n        int: the sum\n    "
    (tmp_path / "a.py").write_text(ADD.replace("Adds two numbers up.", doc))
    (pair,), _, _ = mine(FolderRepository(str(tmp_path)))
    known = pair.documentation
    assert (known.docstring, known.summary, known.style) == (None, "Adds two numbers up.", "google")
    assert known.parameters == (Part("a", "int", "the first"),) and known.returns == (Part(None, "int", "the sum"),)
    (pair,), _, _ = mine(FolderRepository(str(tmp_path)), anchor="summary", docstring_parts=False)
    assert pair.anchor == "Adds two numbers up." and pair.documentation.docstring.startswith(f"{pair.anchor}\n\nSl")
    assert pair.documentation.style is None and pair.documentation.summary is None
    table = pairs_to_table([pair])
    assert table["documentation"][0].as_py()["parameters"] == []
