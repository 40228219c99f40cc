"""`pairmill mine-code`: repositories and archives in, a pair set of documentation and functions out.

Only wiring: which inputs are repositories, how each is opened, and the job. The rules stand in `miners.code`.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from miners.code.config import ANCHORS, SECRETS, CodeConfig
from miners.code.filters import FILTER_SETS, CodeFilters
from miners.code.language import LANGUAGES, language_for_path
from miners.code.license_expressions import permissive_licenses, read_licenses
from miners.code.mine import broken_repository, mine_repository
from miners.code.repository import Repository, UnreadableError
from miners.code.repository_archive import ArchiveRepository, is_archive
from miners.code.repository_folder import FolderRepository
from miners.code.repository_git import GitRepository, is_git
from pipelines import storage
from pipelines.failures import report_errors
from pipelines.mine_job import Unit, run_mine_job, unit_id
from pipelines.options import JobParser, UsageError, job_parser, parse, read_recipe
from schemas.ledger import Ledger
from schemas.pair import Pair
from schemas.rejects import Reject

_NO_REPOSITORY = ("*.dist-info", "*.egg-info", "__pycache__", ".*")
"""What a pattern such as `site-packages/*` also matches."""


@dataclass(frozen=True)
class CodeMiner:
    """Mines one repository, folder or archive."""

    config: CodeConfig
    job: ClassVar[str] = "mine-code"

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Pair | Reject]:
        """The unit's pairs; a repository that cannot be opened is one failed file."""
        try:
            repository = open_repository(unit.uri)
        except (UnreadableError, OSError) as error:
            yield from broken_repository(unit.uri, "damaged_repository", str(error), self.config, ledger)
            return
        try:
            yield from mine_repository(repository, unit.uri, self.config, ledger)
        finally:
            repository.close()


def open_repository(path: str) -> Repository:
    """The reader for what lies at `path`. Raises UnreadableError and OSError."""
    if is_archive(path) and not (storage.is_local(path) and os.path.isdir(path)):
        return ArchiveRepository(storage.open_read(path), path)
    return GitRepository(path) if is_git(path) else FolderRepository(path)


def find_units(patterns: Sequence[str]) -> list[Unit]:
    """A unit for each repository that the patterns name, once each (by real path).

    Raises UsageError for a pattern that names none.
    """
    units: dict[str, Unit] = {}
    for pattern in patterns:
        found = list(_units_of(pattern))
        if not found:
            raise UsageError(
                f"no repository, archive or source file matches {pattern!r}; check the path, and quote a pattern"
            )
        for real, unit in found:
            units.setdefault(real, unit)
    return list(units.values())


def _units_of(pattern: str) -> Iterator[tuple[str, Unit]]:
    if not storage.is_local(pattern):
        for info in storage.expand([pattern]):
            if is_archive(info.path):
                yield info.path, Unit(unit_id(info.path, info.size, info.version), info.path, info.size)
        return
    named = os.path.exists(pattern)
    for path in [pattern] if named else sorted(glob.glob(pattern, recursive=True)):
        path = path.rstrip("/") or "/"
        base = os.path.basename(os.path.abspath(path))
        if named or not any(fnmatch.fnmatchcase(base, skipped) for skipped in _NO_REPOSITORY):
            unit = _local_unit(path)
            if unit is not None:
                yield os.path.realpath(path), unit


def _local_unit(path: str) -> Unit | None:
    if os.path.isfile(path) and is_archive(path):
        status = os.stat(path)
        return Unit(unit_id(path, status.st_size, status.st_mtime_ns), path, status.st_size)
    if not os.path.isdir(path) and not (os.path.isfile(path) and language_for_path(path)):
        return None
    try:
        repository = open_repository(path)
    except UnreadableError:
        return Unit(unit_id(path), path, 0)
    size = sum(entry.size for entry in repository.entries if not entry.refusal and language_for_path(entry.path))
    state = repository.fingerprint() if isinstance(repository, FolderRepository) else [repository.about.revision or ""]
    return Unit(unit_id(path, *state), path, size)


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "mine-code",
        "Mine pairs of documentation and function from repositories: folders, git repositories, archives.",
        inputs="one repository each: a folder, a git repository, an archive",
        resumable=True,
    )
    parser.add_argument(
        "--languages",
        nargs="+",
        choices=LANGUAGES,
        default=list(LANGUAGES),
        metavar="NAME",
        help=f"only these (default: all of {', '.join(LANGUAGES)})",
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


def make_config(args: Any) -> CodeConfig:
    """The miner's settings from the flags, the recipe and the list of licences. Raises UsageError."""
    if args.filters == "none" and args.recipe:
        raise UsageError("--recipe sets thresholds of the filters, and --filters none has none; leave one of them out")
    try:
        return CodeConfig(
            languages=tuple(sorted(set(args.languages))),
            anchor=args.anchor,
            filters=_filters(args.filters, args.recipe),
            licenses=_licenses(args.licenses),
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


def _licenses(policy: str) -> frozenset[str] | None:
    if policy == "any":
        return None
    if policy == "permissive":
        return permissive_licenses()
    try:
        return read_licenses(storage.read_bytes(policy).decode("utf-8"), policy)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--licenses is permissive, any, or a file; {policy!r} cannot be read: {error}") from None


def settings_of(config: CodeConfig) -> dict[str, Any]:
    """The settings as plain values, for the manifest."""
    licenses = None if config.licenses is None else sorted(config.licenses)
    return asdict(config) | {"licenses": licenses}


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    config = make_config(command.args)
    units = find_units(command.args.input)
    return run_mine_job(command, CodeMiner(config), units, settings_of(config))


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill mine-code`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("mine-code", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
