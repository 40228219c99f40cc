"""`pairmill mine-code`: repositories and tables in, a pair set of documentation and functions out.

Only wiring: flags, settings and the job. Which inputs there are stands in `code_inputs`, the rules in `miners.code`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from miners.code.config import ANCHORS, SECRETS, CodeConfig
from miners.code.extract import FUNCTION, KINDS, check_grammars
from miners.code.filters import FILTER_SETS, CodeFilters
from miners.code.language import LANGUAGES
from miners.code.license_expressions import license_policy
from miners.code.mine import Row, broken_repository, mine_files, mine_repository
from miners.code.parsing_batch import Parsing
from miners.code.repository import UnreadableError
from miners.code.repository_clone import PROTOCOLS, CloneError, CloneLimits
from miners.code.table import ROLES, table_columns
from miners.near_duplicates.kernels import compiled
from pipelines import storage
from pipelines.clone_list import BASE_URL, read_clone_list
from pipelines.code_inputs import (
    CodeInputs,
    clone_units,
    find_units,
    is_as_planned,
    is_table_unit,
    open_repository,
    table_files,
)
from pipelines.dry_runs.code_files import code_pieces, is_fetched
from pipelines.dry_runs.crawl_windows import print_mining_plan
from pipelines.failures import report_errors
from pipelines.mine_job import run_mine_job
from pipelines.options import JobParser, UsageError, job_parser, parse, read_recipe
from pipelines.parsing_pool import borrowed_parsing
from pipelines.units import InputChangedError, Unit, how_it_changed
from schemas.ledger import Ledger


@dataclass(frozen=True)
class CodeMiner:
    """Mines one repository or one part of a table; the parser runs in a child process."""

    config: CodeConfig
    inputs: CodeInputs = field(default_factory=CodeInputs)
    job: ClassVar[str] = "mine-code"

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Row]:
        """The unit's pairs; a repository that cannot be cloned or opened is one failed file."""
        with borrowed_parsing(self.config.parse_seconds) as parsing:
            if is_table_unit(unit):
                yield from mine_files(table_files(unit, self.inputs), self.config, ledger, parsing)
            else:
                yield from self._mine_repository(unit, ledger, parsing)
        change = how_it_changed(unit)
        if change is not None:
            raise self._changed(unit, change)

    def prepare(self) -> None:
        """Load the loops that hash the sides; the child process that parses loads grammars and rules."""
        compiled()

    def _mine_repository(self, unit: Unit, ledger: Ledger, parsing: Parsing) -> Iterator[Row]:
        try:
            repository = open_repository(unit, self.inputs)
        except (UnreadableError, OSError) as error:
            reason = error.reason if isinstance(error, CloneError) else "damaged_repository"
            yield from broken_repository(unit.uri, reason, str(error), self.config, ledger)
            return
        try:
            if not is_as_planned(unit, repository):
                raise self._changed(unit, "files were changed, added or deleted after the job was planned")
            yield from mine_repository(repository, unit.uri, self.config, ledger, parsing)
        finally:
            repository.close()

    def _changed(self, unit: Unit, why: str) -> InputChangedError:
        return InputChangedError(
            lambda fresh: broken_repository(unit.uri, "changed_repository", why, self.config, fresh)
        )


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "mine-code",
        "Mine pairs of documentation and function from repositories: folders, git repositories, archives, clones; and "
        "from tables of source files.",
        inputs="one repository each: a folder, a git repository, an archive; or a table (.parquet, .jsonl[.gz|.zst])",
        resumable=True,
        input_required=False,
    )
    _add_input_flags(parser)
    parser.add_argument(
        "--languages",
        nargs="+",
        choices=LANGUAGES,
        default=list(LANGUAGES),
        metavar="NAME",
        help=f"only these (default: all of {', '.join(LANGUAGES)})",
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=KINDS,
        default=[FUNCTION],
        help="what to pair with its documentation; each is a kind of pair of its own (default: function)",
    )
    parser.add_argument(
        "--plain-comments",
        action="store_true",
        help="in C and C++ a comment directly above documents too when it has no mark such as /** or ///",
    )
    parser.add_argument("--anchor", choices=ANCHORS, default="docstring", help="the whole documentation or its summary")
    parser.add_argument(
        "--filters",
        choices=sorted(FILTER_SETS),
        default="default",
        help="a named set of rules for which pairs to keep; --recipe changes its thresholds (default: default)",
    )
    parser.add_argument(
        "--licenses",
        default="any",
        metavar="permissive|any|FILE",
        help="licences to keep code under; FILE lists SPDX identifiers, one a line (default: any)",
    )
    parser.add_argument(
        "--secrets",
        choices=SECRETS,
        default="redact",
        help="keys and passwords: put a placeholder there, drop the pair, or keep them (default: redact)",
    )
    parser.add_argument(
        "--no-docstring-parts",
        dest="docstring_parts",
        action="store_false",
        help="do not read parameters, returns and raises out of the documentation",
    )
    return parser


def _add_input_flags(parser: JobParser) -> None:
    limits = CloneLimits()
    parser.add_argument(
        "--repos",
        metavar="FILE",
        help="clone these: on each line a clone URL or owner/name, with @REVISION if need be",
    )
    parser.add_argument(
        "--repos-base-url",
        metavar="URL",
        help=f"where owner/name stands, in --repos (default: {BASE_URL}) and in tables (default: unknown, so no links)",
    )
    parser.add_argument(
        "--revision", metavar="REV", help="branch, tag or commit of the git repositories that name none (default: HEAD)"
    )
    parser.add_argument(
        "--clone-protocols",
        nargs="+",
        choices=PROTOCOLS,
        default=list(limits.protocols),
        metavar="NAME",
        help=f"what may be cloned over, of {', '.join(PROTOCOLS)} (default: {' '.join(limits.protocols)})",
    )
    parser.add_argument(
        "--clone-seconds", type=float, default=limits.seconds, help="limit of one clone with its tries (default: 600)"
    )
    parser.add_argument(
        "--clone-megabytes", type=int, default=limits.max_bytes >> 20, help="limit of one clone's size (default: 2048)"
    )
    parser.add_argument(
        "--columns",
        action="extend",
        nargs="+",
        default=[],
        metavar="ROLE=NAME",
        help=f"columns of tables that are not named for their role, of {', '.join(ROLES)}: content=text,path=file_name",
    )


def make_inputs(args: Any) -> CodeInputs:
    """How inputs are read, from the flags. Raises UsageError."""
    try:
        limits = CloneLimits(args.clone_seconds, args.clone_megabytes << 20, tuple(sorted(set(args.clone_protocols))))
        columns = replace(table_columns(args.columns), base_url=args.repos_base_url or "")
    except ValueError as error:
        raise UsageError(str(error)) from None
    scratch = args.temp if args.temp and storage.is_local(args.temp) else None
    return CodeInputs(args.revision, columns, limits, scratch)


def plan_units(args: Any, inputs: CodeInputs) -> list[Unit]:
    """The units of `--input` and `--repos`. Raises UsageError."""
    if not args.input and not args.repos:
        raise UsageError("there is nothing to mine; name repositories or tables with --input, or a list with --repos")
    if args.repos is None:
        return find_units(args.input, inputs)
    try:
        text = storage.read_bytes(args.repos).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--repos {args.repos} cannot be read: {error}") from None
    listed = read_clone_list(text, args.repos, args.repos_base_url or BASE_URL, inputs.clone.protocols)
    return find_units(args.input, inputs) + clone_units(listed, inputs.revision)


def make_config(args: Any) -> CodeConfig:
    """The miner's settings from the flags, the recipe and the list of licences.

    Raises UsageError, also where a grammar is not the one that its language's folder was written for.
    """
    if args.filters == "none" and args.recipe:
        raise UsageError("--recipe sets thresholds of the filters, and --filters none has none; leave one of them out")
    try:
        check_grammars(sorted(set(args.languages)))
        return CodeConfig(
            languages=tuple(sorted(set(args.languages))),
            kinds=tuple(kind for kind in KINDS if kind in args.kinds),
            plain_comments=args.plain_comments,
            anchor=args.anchor,
            filters=_filters(args.filters, args.recipe),
            licenses=license_policy(args.licenses, storage.read_bytes),
            secrets=args.secrets,
            docstring_parts=args.docstring_parts,
            keep_rejects=args.keep_rejects,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _filters(name: str, recipe: str | None) -> CodeFilters | None:
    """A named set with the recipe's thresholds laid over it."""
    named = FILTER_SETS[name]
    if named is None:
        return None
    settings = read_recipe(recipe, asdict(named))
    return CodeFilters(**settings | {"docstring_languages": tuple(settings["docstring_languages"])})


def settings_of(config: CodeConfig) -> dict[str, Any]:
    """The settings as plain values, for the manifest."""
    licenses = None if config.licenses is None else sorted(config.licenses)
    return asdict(config) | {"licenses": licenses}


def settings_of_inputs(inputs: CodeInputs) -> dict[str, Any]:
    """What decides which rows the inputs give; where clones lie for a while does not."""
    return {"revision": inputs.revision, "columns": asdict(inputs.columns)}


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    config = make_config(command.args)
    inputs = make_inputs(command.args)
    units = plan_units(command.args, inputs)
    if command.args.dry_run:
        seed = command.args.seed
        return print_mining_plan(command, units, lambda here: code_pieces(config, inputs, here, seed), is_fetched)
    return run_mine_job(command, CodeMiner(config, inputs), units, settings_of(config) | settings_of_inputs(inputs))


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill mine-code`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("mine-code", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
