"""Classes and whole files: in every language that has them, and in Python against `ast`."""

import ast
import sysconfig
import textwrap
from pathlib import Path

import pytest

from miners.code import declarations, functions
from miners.code.config import CodeConfig
from miners.code.language import LANGUAGES, load
from miners.code.mine import mine_repository
from miners.code.parsing_batch import ParsingHere
from miners.code.repository_folder import FolderRepository
from schemas.ledger import Ledger
from schemas.pair import Pair

STDLIB = Path(sysconfig.get_path("stdlib"))
CASES = {
    "python": b'# head\n"""Of it."""\n\n\n@made\nclass Box(Base):\n    """Of Box."""\n\n'
    b'    def open(self):\n        """Opens."""\n',
    "go": b"// Of it.\npackage box\n\n// Open opens.\nfunc Open() int {\n\treturn 1\n}\n",
    "javascript": b"/** Of Box. */\nexport class Box {\n  /** Opens. */\n  open() {}\n}\n",
    "typescript": b"/** Of Box. */\nexport abstract class Box {\n  /** Opens. */\n  open() {}\n}\n",
    "java": b"/** Of Box. */\n@Made\npublic class Box {\n  /** Opens. */\n  void open() {}\n}\n",
    "ruby": b"# Of Box.\nclass Box\n  # Opens.\n  def open\n    1\n  end\nend\n",
    "rust": b"/// Of Box.\n#[derive(Debug)]\npub struct Box {\n    a: u8,\n}\n",
    "php": b"<?php\n/** Of Box. */\n#[Made]\nfinal class Box {\n  /** Opens. */\n  function open() {}\n}\n",
    "cpp": b"/// Of Box.\ntemplate <class T>\nclass Box {\n public:\n  /// Opens.\n  int open() { return 1; }\n};\n",
    "csharp": b"/// Of Box.\n[Made]\npublic class Box\n{\n    /// Opens.\n    void Open() { }\n}\n",
    "kotlin": b"/** Of Box. */\n@Made\nclass Box {\n  /** Opens. */\n  fun open(): Int { return 1 }\n}\n",
    "scala": b"/** Of Box. */\n@Made\nclass Box {\n  /** Opens. */\n  def open: Int = 1\n}\n",
    "swift": b"/// Of Box.\n@made\nclass Box {\n  /// Opens.\n  func open() -> Int { return 1 }\n}\n",
}


@pytest.mark.parametrize("language", [name for name in CASES if name != "go"])
def test_a_class_has_its_documentation_and_names_its_methods(language):
    found = declarations(CASES[language], language)
    (box,) = [item for item in found if item.kind == "class"]
    assert (box.symbol, box.docstring) == ("Box", "Of Box.")
    assert "Of Box" not in box.code and "class Box" in box.code.replace("struct", "class")
    methods = [(item.symbol.lower(), item.docstring) for item in found if item.kind == "function"]
    assert methods == [("box.open", "Opens.")] or language == "rust"
    assert [item for item in found if item.kind == "function"] == functions(CASES[language], language)


@pytest.mark.parametrize(("language", "code"), [("python", "# head\n\n\n@made"), ("go", "\npackage box\n")])
def test_a_file_has_its_documentation(language, code):
    module = declarations(CASES[language], language, kinds=["module"])[0]
    assert (module.kind, module.symbol, module.docstring, module.start_line) == ("module", "", "Of it.", 1)
    assert module.code.startswith(code) and "Of it" not in module.code


def test_every_language_with_classes_has_a_case():
    assert {name for name in LANGUAGES if load(name).documentation.classes} <= set(CASES)


def test_a_wrong_kind_is_named():
    with pytest.raises(ValueError, match="no kind 'enum'; the kinds are function, class, module"):
        declarations(b"", "python", kinds=["enum"])
    with pytest.raises(ValueError, match="it must be some of function, class, module"):
        CodeConfig(kinds=())


@pytest.mark.parametrize("folder", ["email", "asyncio", "json", "unittest", "xml"])
def test_against_ast(folder):
    """Every class and file of a package: the docstring that Python sees, and code that Python parses without it."""
    for path in sorted((STDLIB / folder).rglob("*.py")):
        source = path.read_bytes()
        tree = ast.parse(source)
        found = {
            (item.kind, item.start_line): item for item in declarations(source, "python", kinds=("class", "module"))
        }
        expected = {("class", node.lineno): node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        expected[("module", 1)] = tree
        assert found.keys() == expected.keys()
        for key, node in expected.items():
            assert found[key].docstring == ast.get_docstring(node), (path, key)
            ast.parse(textwrap.dedent(" " * getattr(node, "col_offset", 0) + found[key].code))


def test_each_kind_is_a_kind_of_pair(tmp_path):
    (tmp_path / "a.py").write_text(
        '"""Keeps boxes of all sorts."""\n\nimport os\n\n\nclass Box:\n    """A box that can be opened."""\n\n'
        '    def open(self):\n        """Opens the box for all."""\n        os.stat("x")\n        return 1\n'
    )
    ledger = Ledger("mine-code")
    config = CodeConfig(kinds=("function", "class", "module"))
    rows = list(mine_repository(FolderRepository(str(tmp_path)), "uri", config, ledger, ParsingHere()))
    pairs = [row for row in rows if isinstance(row, Pair)]
    ledger.check()
    assert [(pair.kind, pair.source, pair.anchor) for pair in pairs] == [
        ("docstring_module", "docstring_module/python", "Keeps boxes of all sorts."),
        ("docstring_class", "docstring_class/python", "A box that can be opened."),
        ("docstring_code", "docstring_code/python", "Opens the box for all."),
    ]
    assert pairs[1].positive.startswith("class Box:\n\n    def open") and '"""A box' not in pairs[1].positive
    assert '"""Keeps' not in pairs[0].positive and '"""A box' in pairs[0].positive
