"""The jobs' command lines: the flags they share, what goes on to Beam, and which runner runs.

Our own flags take `_` for `-` and no abbreviations. A flag that neither we nor any of Beam's option classes know ends
with status 2 and the nearest known name (Beam itself only logs that it discards it).
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import yaml
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import log_json, worker_profile

USAGE_ERROR = 2
REFUSED_BEAM_FLAGS = {
    "--streaming": "these jobs read files that end, in batch; leave the flag out",
    "--save_main_session": "every element class lives in an importable module; leave the flag out",
}
SMALL_INPUT_BYTES = 16 << 20
"""Below this the start of worker processes costs more than it gives (about 1.7 s)."""


class UsageError(ValueError):
    """Arguments that are wrong: one sentence that says the mend; the command ends with status 2."""


@dataclass(frozen=True)
class Command:
    """A parsed command line: our own arguments, and the flags that Beam registers."""

    args: argparse.Namespace
    beam_args: tuple[str, ...]


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse for anything wrong on the command line."""
        raise UsageError(message)


class JobParser(_Parser):
    """The parser of one of our commands, with the flags that all of them have."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.add_argument(log_json.FLAG, action="store_true", help="say on stderr what happens as lines of JSON")

    def parse_own(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """The arguments (without the program's name) of a command that Beam has no part in. Raises UsageError."""
        ours = {name for action in self._actions for name in action.option_strings}
        tokens = [_with_dashes(token, ours) for token in (sys.argv[1:] if argv is None else argv)]
        log_json.begin(self.prog, tokens)
        _check_names(tokens, ours, set())
        return self.parse_args(tokens)


def job_parser(
    command: str,
    description: str,
    *,
    inputs: str,
    resumable: bool = False,
    input_required: bool = True,
    takes_recipe: bool = True,
) -> JobParser:
    """A parser with the flags that all jobs share; `inputs` says what `--input` takes, `resumable` adds `--resume`."""
    parser = JobParser(
        prog=f"pairmill {command}",
        description=description,
        allow_abbrev=False,
        epilog="Flags of Beam's own (--runner, --project, --region, …) are passed on.",
    )
    parser.add_argument(
        "--input",
        action="extend",
        nargs="+",
        required=input_required,
        default=[],
        metavar="PATH",
        help=f"{inputs}; patterns and repeats are taken",
    )
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder for the result")
    parser.add_argument("--overwrite", action="store_true", help="replace a result that is in the way")
    if resumable:
        parser.add_argument(
            "--resume", action="store_true", help="go on with an unfinished result of the same settings"
        )
    parser.add_argument("--source", metavar="NAME", help="what batches are drawn from (default: kind/language)")
    if takes_recipe:
        parser.add_argument("--recipe", metavar="FILE", help="rules and thresholds as YAML; unknown keys are errors")
    parser.add_argument("--keep-rejects", action="store_true", help="also write what was dropped, with its reason")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    parser.add_argument(
        "--workers", type=_positive, metavar="N", help="processes (default: the cores; 1 for small inputs)"
    )
    parser.add_argument("--temp", metavar="FOLDER", help="folder for temporary files (default: inside the output)")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be read, and by a small sample what that takes and gives"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only the closing line")
    return parser


def parse(parser: JobParser, argv: Sequence[str] | None) -> Command:
    """Parse `argv` (without the program's name). Raises UsageError; `--help` prints and exits as usual."""
    parser.add_argument(
        worker_profile.FLAG,
        metavar="NAME",
        help=f"flags of the runner from a file: {', '.join(worker_profile.names())}, or a path of yours",
    )
    given = worker_profile.expanded(sys.argv[1:] if argv is None else argv)
    ours = {name for action in parser._actions for name in action.option_strings}
    tokens = [_with_dashes(token, ours) for token in given]
    log_json.begin(parser.prog, tokens)
    _load_runner(tokens)
    beam = _beam_parser()
    _check_names(tokens, ours, set(beam._option_string_actions))
    args, rest = parser.parse_known_args(tokens)
    _, unknown = beam.parse_known_args(rest)
    if unknown:
        raise UsageError(f"{unknown[0]!r} belongs to no flag; inputs go behind --input")
    return Command(args, tuple(rest))


def pipeline_options(command: Command, input_bytes: int) -> PipelineOptions:
    """Beam's options: in memory by default, worker processes with `--workers`, or the runner that was asked for."""
    runner_given = any(token.split("=", 1)[0] == "--runner" for token in command.beam_args)
    workers = command.args.workers
    if runner_given:
        if workers is not None:
            raise UsageError("--workers is for local runs; give --runner its own flag for the number of workers")
        return PipelineOptions(list(command.beam_args))
    workers = workers or (1 if input_bytes < SMALL_INPUT_BYTES else os.cpu_count() or 1)
    flags = ["--runner=FnApiRunner", *command.beam_args]
    if workers > 1:
        for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_IO_THREADS"):
            os.environ.setdefault(pool, "1")
        flags += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    return PipelineOptions(flags)


def read_recipe(path: str | None, known: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recipe file laid over the `known` ones; UsageError for a key or a type that they have not."""
    settings = dict(known)
    if path is None:
        return settings
    try:
        with open(path, encoding="utf-8") as file:
            given = yaml.safe_load(file) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the recipe {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict):
        raise UsageError(f"the recipe {path} must be a mapping of settings, such as `min_words: 32`")
    for key, value in given.items():
        if key not in known:
            raise UsageError(f"{path}: there is no setting {key!r}{_nearest(str(key), known)}")
        if known[key] is not None and not _same_type(value, known[key]):
            raise UsageError(f"{path}: {key} must be of type {type(known[key]).__name__}, not {value!r}")
        settings[key] = value
    return settings


def _same_type(value: object, model: object) -> bool:
    if isinstance(model, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(model, bool)
    if isinstance(model, float):
        return isinstance(value, int | float)
    if isinstance(model, list | tuple):
        return isinstance(value, list)
    return isinstance(value, type(model))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {value}")
    return value


def _with_dashes(token: str, ours: set[str]) -> str:
    """`--keep_rejects=…` as `--keep-rejects=…`, where that is a flag of ours."""
    if not token.startswith("--"):
        return token
    name, equals, value = token.partition("=")
    dashed = name.replace("_", "-")
    return dashed + equals + value if dashed in ours else token


def _check_names(tokens: Sequence[str], ours: set[str], beams: set[str]) -> None:
    """Refuse a flag that nobody knows before anything that is missing is asked for: it may be the missing one."""
    for token in tokens:
        name = token.split("=", 1)[0]
        if not name.startswith("--") or name == "--" or name in ours:
            continue
        underscored = "--" + name[2:].replace("-", "_")
        if underscored in REFUSED_BEAM_FLAGS:
            raise UsageError(f"{name} is not for this command: {REFUSED_BEAM_FLAGS[underscored]}")
        if name not in beams:
            raise UsageError(f"there is no flag {name}{_nearest(name, [*ours, *beams])}")


def _load_runner(tokens: Sequence[str]) -> None:
    """Import the module of a runner that is named with it: only then Beam knows the runner's own flags."""
    joined = [token.partition("=")[2] for token in tokens if token.startswith("--runner=")]
    apart = [after for token, after in pairwise(tokens) if token == "--runner"]
    for name in joined + apart:
        module, dot, _ = name.rpartition(".")
        try:
            if dot:
                importlib.import_module(module)
        except ImportError as error:
            raise UsageError(
                f"the runner {name} cannot be loaded ({error}); install it, such as pairmill[dask]"
            ) from None


def _beam_parser() -> _Parser:
    """A parser that knows every flag of every option class of Beam that is installed."""
    parser = _Parser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options in _subclasses(PipelineOptions):
        options._add_argparse_args(parser)
    return parser


def _subclasses(cls: type) -> list[type]:
    direct = cls.__subclasses__()
    return direct + [below for sub in direct for below in _subclasses(sub)]


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
