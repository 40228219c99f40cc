"""What `ast` says of the functions of Python files: paths on standard input, JSON lines on standard output.

    python benchmarks/oracles/python_ast.py < paths

The text is `ast.get_docstring`'s to the character.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from pathlib import Path


def main() -> None:
    """Read paths until the input ends."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            tree = ast.parse(Path(path).read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            print(json.dumps({"path": path, "error": str(error)}))
            continue
        print(json.dumps({"path": path}))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = ast.get_docstring(node)
                print(json.dumps({"path": path, "name": node.name, "start_line": node.lineno, "doc": doc}))


if __name__ == "__main__":
    main()
