"""`pairmill mine-web`: WARC and WET files in, a pair set of neighbouring text out. Only wiring; rules are miners.web's.

A unit is a file, or a range of 256 MB of a compressed one: a member belongs to the range in which it begins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from miners.web import PassageConfig, WebConfig, mine_batches, read_records
from miners.web.extraction import EXTRACTORS
from miners.web.preparation import prepare
from miners.web.privacy import KINDS as REDACTED
from miners.web.privacy import PrivacyConfig
from miners.web.quality import SOURCES, Thresholds, select_rules
from miners.web.record_reader import Damage, WarcRecord
from miners.web.robots import DIRECTIVES
from pipelines import storage
from pipelines.blocklist_file import BlocklistFile, find_blocklist
from pipelines.dry_runs.crawl_windows import print_mining_plan, web_pieces
from pipelines.failures import report_errors
from pipelines.http_files import Transfer, is_http
from pipelines.mine_job import run_mine_job
from pipelines.options import Command, JobParser, job_parser, parse, read_recipe
from pipelines.units import InputChangedError, Unit, how_it_changed, unit_id
from pipelines.web_files import add_file_flags, find_files, plain_files, transfer_of
from schemas.ledger import Ledger
from schemas.pair import WEB_KINDS
from schemas.pair_batch import PairBatch
from schemas.rejects import Reject

RANGE_BYTES = 256 << 20
LIST_FLAGS = ("languages", "honor_robots", "rules", "redact", "kinds")
COMPRESSED = (".gz", ".zst", ".lz4")


@dataclass(frozen=True)
class WebMiner:
    """Mines one file, or one range of it."""

    config: WebConfig
    transfer: Transfer = field(default_factory=Transfer)
    blocklist: BlocklistFile | None = None
    job: str = field(default="mine-web", init=False)

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[PairBatch | Reject]:
        """See `pipelines.units.Miner`; a file that cannot be opened, or was changed, is one failed record."""
        blocklist = self.blocklist.load() if self.blocklist else None
        yield from mine_batches(self._items(unit), unit.uri, self.config, ledger, blocklist)
        change = how_it_changed(unit, self.transfer)
        if change is not None:
            lost = [Damage("changed_file", unit.start, change)]
            raise InputChangedError(lambda fresh: mine_batches(lost, unit.uri, self.config, fresh))

    def prepare(self) -> None:
        """See `miners.web.preparation`."""
        prepare(self.config)

    def _items(self, unit: Unit) -> Iterator[WarcRecord | Damage]:
        try:
            file = storage.open_read(unit.uri, self.transfer)
        except OSError as error:
            yield Damage("unreadable_file", unit.start, str(error))
            return
        with file:
            yield from read_records(file, start=unit.start, end=unit.end or None)


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "mine-web",
        "Mine neighbouring text from WARC and WET files, plain or compressed (gzip, zstd, lz4).",
        inputs="WARC or WET files, http(s) URLs among them",
        resumable=True,
        input_required=False,
    )
    add_file_flags(parser)
    parser.add_argument(
        "--blocklist",
        metavar="FILE",
        help="hosts and pages not to be mined, one a line (example.org, example.org/forum); hosts files are read too",
    )
    parser.add_argument(
        "--honor-robots",
        metavar="NAMES",
        help="drop pages whose X-Robots-Tag or meta tag says one of these, with commas between: "
        f"{', '.join(DIRECTIVES)} (default: none)",
    )
    parser.add_argument(
        "--extractor",
        choices=EXTRACTORS,
        help="what finds a page's main content (default: resiliparse with pairmill's own rules; "
        "trafilatura is an extra and ten times slower)",
    )
    parser.add_argument(
        "--languages",
        metavar="CODES",
        help="keep only these languages: BCP 47 codes with commas between, such as en,de (default: all)",
    )
    parser.add_argument(
        "--passage-tokens",
        nargs=2,
        type=int,
        metavar=("MIN", "MAX"),
        help="least and most words of a passage (default: 32 256); characters in scripts without spaces",
    )
    add_rule_flags(parser)
    add_pair_flags(parser)
    return parser


def add_rule_flags(parser: JobParser) -> None:
    """What is refused, and what is replaced."""
    parser.add_argument(
        "--rules",
        metavar="NAMES",
        help=f"quality rules, with commas between: {', '.join(SOURCES)}, or single ones by name, or none "
        "(default: none); their thresholds are keys of the recipe",
    )
    parser.add_argument(
        "--redact",
        metavar="KINDS",
        help=f"what placeholders replace, with commas between: {', '.join(REDACTED)}, or none (default: all four)",
    )


def add_pair_flags(parser: JobParser) -> None:
    """Which pairs a page gives."""
    parser.add_argument(
        "--kinds",
        metavar="NAMES",
        help=f"kinds of pair, with commas between: {', '.join(WEB_KINDS)} (default: the first)",
    )
    parser.add_argument(
        "--non-overlapping", action="store_true", help="each passage is in one pair at most: 0-1, 2-3, and so on"
    )
    parser.add_argument("--within-section", action="store_true", help="no passage and no pair goes across a heading")
    parser.add_argument("--max-pairs-per-page", type=int, metavar="N", help="a seeded choice of N pairs a page")
    parser.add_argument(
        "--max-pairs-per-domain", type=int, metavar="N", help="at most N pairs of a domain in a file (or 256 MB of one)"
    )


def read_config(command: Command) -> WebConfig:
    """Defaults, under the recipe, under the flags. Raises ValueError."""
    args = command.args
    settings = read_recipe(args.recipe, plain_config(WebConfig(seed=args.seed)))
    for name in LIST_FLAGS:
        if getattr(args, name) is not None:
            settings[name] = [part.strip() for part in getattr(args, name).split(",") if part.strip()]
    if args.passage_tokens is not None:
        settings["min_tokens"], settings["max_tokens"] = args.passage_tokens
    for name in ("max_pairs_per_page", "max_pairs_per_domain"):
        if getattr(args, name) is not None:
            settings[name] = getattr(args, name)
    settings["extractor"] = args.extractor or settings["extractor"]
    settings["overlapping"] = settings["overlapping"] and not args.non_overlapping
    settings["within_section"] = settings["within_section"] or args.within_section
    return make_config(settings)


def plain_config(config: WebConfig) -> dict[str, Any]:
    """The settings as a recipe file has them, and as the manifest keeps them: flat."""
    settings = asdict(config)
    for part in ("passages", "thresholds", "privacy"):
        settings.update(settings.pop(part))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def make_config(settings: Mapping[str, Any]) -> WebConfig:
    """The config that `plain_config` made these settings of; other keys are passed over. Raises ValueError."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    values["rules"] = select_rules(values["rules"])
    values["redact"] = tuple(kind for kind in values["redact"] if kind != "none")
    for name in ("languages", "honor_robots"):
        values[name] = tuple(sorted(set(values[name])))
    parts = {"passages": PassageConfig, "thresholds": Thresholds, "privacy": PrivacyConfig}
    made = {part: kind(**_of(kind, values)) for part, kind in parts.items()}
    return WebConfig(**made, **_of(WebConfig, values))


def _of(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are fields of this class."""
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}


def make_units(files: Sequence[storage.FileInfo], range_bytes: int = RANGE_BYTES) -> list[Unit]:
    """The units of the input files; only compressed files are cut into ranges."""
    units = []
    for info in files:
        step = range_bytes if _is_compressed(info.path) else max(info.size, 1)
        for start in range(0, max(info.size, 1), step):
            end = min(start + step, info.size)
            name = unit_id(info.path, info.size, info.version, start, end)
            units.append(Unit(name, info.path, end - start, start, end, listed=info))
    return units


def _is_compressed(path: str) -> bool:
    return (urlsplit(path).path if is_http(path) else path).endswith(COMPRESSED)


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    config = read_config(command)
    units = make_units(find_files(command.args))
    blocklist = find_blocklist(command.args.blocklist)
    miner = WebMiner(config, transfer_of(command.args), blocklist)
    if command.args.dry_run:
        return print_mining_plan(command, units, lambda here: web_pieces(miner, here, command.args.seed))
    blocked = {"blocklist": asdict(blocklist)} if blocklist else {}
    return run_mine_job(command, miner, units, {**plain_config(config), **plain_files(command.args), **blocked})


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill mine-web`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("mine-web", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
