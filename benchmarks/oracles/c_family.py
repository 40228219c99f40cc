"""What libclang says of the functions of C or C++ files: paths on standard input, JSON lines on standard output.

    python benchmarks/oracles/c_family.py c++ < paths

A function is a definition with a body, spelled in the file itself and not made by a macro. Its documentation is
`clang_Cursor_getRawCommentText`, where that comment stands before this definition: of a function declared elsewhere as
well clang gives the comment of any of its declarations, and of those this takes only one that reaches the definition by
clang's own rule (no ``;``, ``{``, ``}``, ``#`` or ``@`` between).

Headers are looked for in every folder above the file, in an `include` beside one, and where the system's compiler has
them; one that is not found costs the names that it would have declared.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from clang.cindex import Cursor, CursorKind, Index, SourceRange, TranslationUnitLoadError, conf

FUNCTIONS = {
    CursorKind.FUNCTION_DECL,
    CursorKind.CXX_METHOD,
    CursorKind.CONSTRUCTOR,
    CursorKind.DESTRUCTOR,
    CursorKind.CONVERSION_FUNCTION,
    CursorKind.FUNCTION_TEMPLATE,
}
BODIES = {CursorKind.COMPOUND_STMT, CursorKind.CXX_TRY_STMT}
KEEP_GOING = 0x200
"""CXTranslationUnit_KeepGoing: a missing header does not end the parse (clang-c/Index.h)."""
STANDARDS = {"c": "-std=gnu17", "c++": "-std=gnu++20"}
_TEMPLATE_ARGUMENTS = re.compile(r"(operator\s*[^\w\s]+)|<.*")
_MARKS = re.compile(r"^[ \t]*(?:/\*[*!]+<?|//[/!]+<?|\*+(?!/))[ \t]?")
_EMPTY = re.compile(r"(?m)^[ \t]*/\*+/[ \t]*$")
_END = re.compile(r"\**\*/[ \t]*$")


def functions(path: str, arguments: list[str]) -> Iterator[dict[str, object]]:
    """One record a function of the file. Raises TranslationUnitLoadError where clang gives nothing at all."""
    unit = Index.create().parse(path, [*arguments, *_include(path)], options=KEEP_GOING)
    source = Path(path).read_bytes()
    for cursor in definitions(unit.cursor, path):
        name = _TEMPLATE_ARGUMENTS.sub(r"\1", cursor.spelling)
        if source[cursor.location.offset :].startswith(re.match(r"\w*|~", name)[0].encode()):
            doc = documentation(cursor, source)
            yield {"path": path, "name": name, "name_line": cursor.location.line, "doc": doc}


def definitions(root: Cursor, path: str) -> Iterator[Cursor]:
    """Every function with a body in the file, in the order of their places."""
    waiting = [root]
    while waiting:
        cursor = waiting.pop()
        children = [child for child in cursor.get_children() if str(child.location.file) == path]
        if cursor.kind in FUNCTIONS and any(child.kind in BODIES for child in children):
            yield cursor
        waiting += reversed(children)


def documentation(cursor: Cursor, source: bytes) -> str | None:
    """The text of the comment that clang attaches to this definition itself."""
    if cursor.raw_comment is None:
        return None
    comment: SourceRange = conf.lib.clang_Cursor_getCommentRange(cursor)
    if str(comment.start.file) != str(cursor.location.file):
        return None
    between = source[comment.end.offset : cursor.extent.start.offset]
    if comment.end.offset > cursor.extent.start.offset or re.search(rb"[;{}#@]", between):
        return None
    lines = _EMPTY.sub("", cursor.raw_comment.replace("\r\n", "\n")).split("\n")
    return "\n".join(_END.sub("", _MARKS.sub("", line)).rstrip() for line in lines).strip("\n")


def _include(path: str) -> list[str]:
    folders = [folder for above in Path(path).parents for folder in (above, above / "include")]
    return [f"-I{folder}" for folder in folders[:-2] if folder.is_dir()]


def main(language: str) -> None:
    """Read paths until the input ends."""
    conf.lib.clang_Cursor_getCommentRange.argtypes = [Cursor]
    conf.lib.clang_Cursor_getCommentRange.restype = SourceRange
    builtin = subprocess.check_output(["cc", "-print-file-name=include"], text=True).strip()
    arguments = ["-x", language, STANDARDS[language], "-w", "-idirafter", builtin]
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            print(json.dumps({"path": path}))
            for record in functions(path, arguments):
                print(json.dumps(record, ensure_ascii=False))
        except TranslationUnitLoadError as error:
            print(json.dumps({"path": path, "error": str(error)}))


if __name__ == "__main__":
    main(sys.argv[1])
