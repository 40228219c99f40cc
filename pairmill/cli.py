"""The console command `pairmill`: finds the subcommand's module and hands the arguments on.

Each module is imported only when it is called: mining needs no torch, training no Beam.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "mine-web": ("pipelines.mine_web", "adjacent passages from WARC and WET files"),
    "mine-code": ("pipelines.mine_code", "docstrings and functions from repositories and archives"),
    "import": ("pipelines.import_pairs", "a pair set of other people's data: MS MARCO, NLI, BEIR, tables"),
    "dedupe": ("pipelines.dedupe", "remove duplicates, decontaminate and split pair sets"),
    "select": ("pipelines.select_pairs", "the rows of a pair set that are wanted, as a pair set"),
    "merge": ("pipelines.merge_pairs", "join pair sets, and keep once what two of them hold"),
    "audit": ("pipelines.audit", "a report on a pair set, before money is spent on GPUs"),
    "verify": ("schemas.verify", "is a folder a whole, undamaged pair set?"),
    "explain": ("pipelines.explain", "where a row came from, or why it was removed"),
    "remove": ("pipelines.remove", "take rows out of a finished set: takedown after publication"),
    "migrate": ("pipelines.migrate", "write a set of an earlier version of the schema as one of this version"),
    "export": ("pipelines.export", "a pair set for other tools: sentence-transformers, BEIR, JSONL, WebDataset"),
    "token-cache": ("pipelines.token_cache", "a pair set's rows as tokens, cut on many machines ahead of training"),
    "hard-negatives": ("train.hard_negatives", "add the best wrong answers to the rows of a pair set"),
    "train": ("train.run", "train an embedding model on pair sets"),
    "evaluate": ("train.evaluate", "measure a model, beside BM25"),
    "demo": ("pairmill.demo", "all of the above on real input found on this machine"),
}
EXTRAS = dict.fromkeys(("token-cache", "hard-negatives", "train", "evaluate"), "[train]") | {"demo": "[train,demo]"}
"""What a command needs beyond the plain installation."""
USAGE_ERROR = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit status (0 done, 1 failed, 2 wrong arguments)."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if given else USAGE_ERROR
    if given[0] in ("-V", "--version"):
        from schemas.manifest import CODE_VERSION

        print(f"pairmill {CODE_VERSION}")
        return 0
    name = given[0]
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(COMMANDS)}"
        print(f"pairmill: there is no command {name!r}{hint}", file=sys.stderr)
        return USAGE_ERROR
    try:
        module = importlib.import_module(COMMANDS[name][0])
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("pipelines", "schemas", "miners", "train", "pairmill"):
            raise
        print(f"pairmill {name}: the package {error.name} is missing; {_install_hint(name)}", file=sys.stderr)
        return 1
    try:
        return module.main(given[1:])
    except KeyboardInterrupt:
        print(f"pairmill {name}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _install_hint(name: str) -> str:
    extra = EXTRAS.get(name, "")
    return f"install it with: pip install 'pairmill{extra}'"


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pairmill COMMAND [flags]",
            "",
            "Mine training pairs for embedding models, make them clean, and train on them.",
            "",
            *lines,
            "",
            "`pairmill COMMAND --help` lists a command's flags.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
