"""The flags that say which functions become rows, through the whole job."""

import pytest

from pipelines.mine_code import main
from schemas.manifest import parse_manifest
from schemas.pair_set import read_pair_set
from schemas.verify import faults

KEY = "AKIA" + "QX5Z7RTNOP3LMB2K"
SOURCE = f'''# SPDX-License-Identifier: {{license}}
"""Keeps the boxes of the house in order."""


class Box:
    """A box that can be opened and closed."""

    def open(self, by):
        """Opens the box for somebody.

        Args:
            by (str): who asks
        """
        key = "{KEY}"
        return self.lid.lift(by, key)

    def latest(self):
        """Returns the latest of the contents."""
        found = sorted(self.contents)
        return found[-1]
'''


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "free.py").write_text(SOURCE.format(license="MIT"))
    (folder / "other.py").write_text(SOURCE.format(license="GPL-3.0-only"))
    return folder


def mined(sources, *flags):
    output = sources.parent / "out"
    assert main(["--input", str(sources), "--output", str(output), "--overwrite", "--quiet", *flags]) == 0
    assert list(faults(str(output))) == []
    manifest = parse_manifest((output / "manifest.json").read_bytes(), "")
    return read_pair_set(output).to_table().to_pylist(), manifest


def test_kinds_licences_and_secrets(sources):
    rows, manifest = mined(sources, "--kinds", "function", "class", "module", "--licenses", "permissive")
    assert sorted((row["kind"], row["provenance"]["symbol"]) for row in rows) == [
        ("docstring_class", "Box"),
        ("docstring_code", "Box.latest"),
        ("docstring_code", "Box.open"),
        ("docstring_module", ""),
    ]
    assert {row["provenance"]["license"] for row in rows} == {"MIT"}
    assert manifest.ledger["stages"]["file"]["dropped"] == {"license": 1}
    assert KEY not in repr(rows) and manifest.ledger["notes"]["secrets_redacted"] == 3
    assert "MIT" in manifest.config["licenses"] and manifest.config["kinds"] == ["function", "class", "module"]
    opened = next(row for row in rows if row["provenance"]["symbol"] == "Box.open")
    assert opened["documentation"]["parameters"] == [{"name": "by", "type": "str", "description": "who asks"}]
    assert opened["signals"]["quality"] == [{"name": "secrets_redacted", "value": 1.0}]


def test_a_policy_of_ones_own_and_an_anchor(sources, tmp_path):
    (tmp_path / "policy").write_text("GPL-3.0-only # ours\n")
    rows, _ = mined(
        sources,
        "--licenses",
        str(tmp_path / "policy"),
        "--anchor",
        "summary",
        "--secrets",
        "drop",
        "--no-docstring-parts",
    )
    assert [(row["anchor"], row["provenance"]["license"]) for row in rows] == [
        ("Returns the latest of the contents.", "GPL-3.0-only")
    ]
    assert rows[0]["documentation"]["docstring"] and rows[0]["documentation"]["parameters"] == []


def test_sets_of_filters_and_recipes(sources, tmp_path):
    (tmp_path / "recipe.yaml").write_text("min_code_lines: 4\n")
    assert len(mined(sources, "--filters", "vault")[0]) == 4
    assert len(mined(sources, "--filters", "codesearchnet")[0]) == 4
    assert mined(sources, "--recipe", str(tmp_path / "recipe.yaml"))[0] == []


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("boilerplate: somewhere\n", "boilerplate is 'somewhere'"),
        ("docstring_languages: [klingon]\n", "'klingon' is no language"),
        ("min_lines: 3\n", "there is no setting 'min_lines'"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(sources, tmp_path, capsys, recipe, said):
    (tmp_path / "recipe.yaml").write_text(recipe)
    arguments = ["--input", str(sources), "--output", str(tmp_path / "o"), "--recipe", str(tmp_path / "recipe.yaml")]
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_wrong_policy_is_one_sentence(sources, tmp_path, capsys):
    assert main(["--input", str(sources), "--output", str(tmp_path / "o"), "--licenses", str(tmp_path / "none")]) == 2
    assert "--licenses is permissive, any, or a file" in capsys.readouterr().err
