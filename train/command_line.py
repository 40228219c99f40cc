"""What the trainer's and the evaluator's command lines share: no abbreviations, `_` as `-`, one sentence and exit 2."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


class CommandParser(argparse.ArgumentParser):
    """An argument parser that ends with exit status 2 and one sentence, which names the nearest flag there is."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """The sentence on standard error; SystemExit(2)."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments. SystemExit(2) for any that is not known."""
        words = [_with_dashes(word) for word in argv]
        flags = [flag for action in self._actions for flag in action.option_strings]
        for word in words:
            flag = word.partition("=")[0]
            if flag.startswith("--") and flag not in flags:
                self.error(f"there is no flag {flag}{nearest(flag, flags)}; --help lists all")
        return self.parse_args(words)


def nearest(name: str, names: Iterable[str]) -> str:
    """`` (the nearest is X)``, or nothing where no known name is near."""
    found = difflib.get_close_matches(name, list(names), n=1)
    return f" (the nearest is {found[0]})" if found else ""


def _with_dashes(word: str) -> str:
    if not word.startswith("--"):
        return word
    flag, equals, value = word.partition("=")
    return "--" + flag[2:].replace("_", "-") + equals + value
