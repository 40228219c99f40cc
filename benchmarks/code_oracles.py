"""The compilers' own parsers that the code miner is held against: one program a language, under `oracles/`.

An oracle reads paths on standard input and prints JSON lines. For each file that it can parse: ``{"path": …}``; for one
that it cannot: ``{"path": …, "error": …}``. For each function with a body: `path`; `name` and `start_line` (or
`name_line`, the line of its name), or `start` and `end`, the bytes of its body; and what documents it (null: nothing
with text does): `doc`, the text without comment marks, or `raw`, the comment as it stands.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "oracles"


@dataclass(frozen=True)
class Oracle:
    """How a language's oracle is run."""

    says: str
    """What it asks, for the table."""
    command: tuple[str, ...]
    text: str = "lines"
    """How far texts must agree: `exact`, or `lines` without the white space around each."""
    environment: dict[str, str] = field(default_factory=dict)
    only_common: bool = False
    """Compare only functions that both sides see: a preprocessor shows each side others."""
    bars: tuple[float, float] = (0.999, 0.999)
    """The least recall and precision."""


@dataclass
class Answer:
    """What an oracle said of one file."""

    functions: list[dict] = field(default_factory=list)
    error: str | None = None


ORACLES = {
    "python": Oracle("ast.get_docstring", (sys.executable, "python_ast.py"), "exact"),
    "javascript": Oracle("TypeScript getJSDocCommentsAndTags", ("node", "ecmascript.js"), "exact"),
    "typescript": Oracle("TypeScript getJSDocCommentsAndTags", ("node", "ecmascript.js"), "exact"),
    "go": Oracle("go/ast FuncDecl.Doc", ("go", "run", "go_ast.go"), environment={"GO111MODULE": "off"}),
    "java": Oracle("JDK DocTrees.getDocComment", ("java", "--add-modules", "jdk.compiler", "JavaDocTrees.java")),
    "php": Oracle("nikic/php-parser getDocComment", ("php", "php_parser.php"), "exact"),
    "ruby": Oracle("ripper, comments directly above", ("ruby", "ruby.rb")),
    "rust": Oracle(
        "syn #[doc]",
        (
            *("cargo", "run", "--quiet", "--release", "--offline"),
            *("--config", "rust/debian.toml", "--manifest-path", "rust/Cargo.toml"),
        ),
    ),
    "kotlin": Oracle(
        "Kotlin PSI docComment",
        ("java", "-cp", f"{sysconfig.get_path('purelib')}/run_kotlin_kernel/jars/*", "KotlinPsi.java"),
        "exact",
    ),
    "c": Oracle("libclang raw_comment", (sys.executable, "c_family.py", "c"), only_common=True, bars=(0.95, 0.99)),
    "cpp": Oracle("libclang raw_comment", (sys.executable, "c_family.py", "c++"), only_common=True, bars=(0.95, 0.99)),
}


def ask(language: str, paths: Iterable[Path]) -> dict[str, Answer]:
    """What the language's oracle says of each file. Raises FileNotFoundError where its program is not installed."""
    oracle = ORACLES[language]
    if shutil.which(oracle.command[0]) is None:
        raise FileNotFoundError(f"{oracle.command[0]} is not installed")
    done = subprocess.run(
        [str(FOLDER / part) if (FOLDER / part).exists() else part for part in oracle.command],
        input="".join(f"{path}\n" for path in paths).encode(),
        env=os.environ | oracle.environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    answers: dict[str, Answer] = {}
    for line in done.stdout.splitlines():
        record = json.loads(line)
        answer = answers.setdefault(record.pop("path"), Answer())
        if "error" in record:
            answer.error = record["error"]
        elif record:
            answer.functions.append(record)
    return answers
