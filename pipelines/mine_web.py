"""`pairmill mine-web`: WARC and WET files in, a pair set of neighbouring text out. Only wiring; rules are miners.web's.

A unit is a file, or a range of 256 MB of a compressed one: a member belongs to the range in which it begins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from miners.web import PassageConfig, WebConfig, mine_records, read_records
from miners.web.record_reader import Damage, WarcRecord
from miners.web.robots import DIRECTIVES
from pipelines import storage
from pipelines.blocklist_file import BlocklistFile, find_blocklist
from pipelines.failures import report_errors
from pipelines.http_files import Transfer, is_http
from pipelines.mine_job import Unit, run_mine_job, unit_id
from pipelines.options import Command, JobParser, job_parser, parse, read_recipe
from pipelines.web_files import add_file_flags, find_files, plain_files, transfer_of
from schemas.ledger import Ledger
from schemas.pair import Pair
from schemas.rejects import Reject

RANGE_BYTES = 256 << 20
COMPRESSED = (".gz", ".zst", ".lz4")


@dataclass(frozen=True)
class WebMiner:
    """Mines one file, or one range of it."""

    config: WebConfig
    transfer: Transfer = field(default_factory=Transfer)
    blocklist: BlocklistFile | None = None
    job: str = field(default="mine-web", init=False)

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Pair | Reject]:
        """See `pipelines.mine_job.Miner`; a file that cannot be opened is one failed record."""
        blocklist = self.blocklist.load() if self.blocklist else None
        yield from mine_records(self._items(unit), unit.uri, self.config, ledger, blocklist)

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
    return parser


def read_config(command: Command) -> WebConfig:
    """Defaults, under the recipe, under the flags. Raises ValueError."""
    default = WebConfig()
    settings = read_recipe(command.args.recipe, plain_config(default))
    if command.args.languages is not None:
        settings["languages"] = [name.strip() for name in command.args.languages.split(",") if name.strip()]
    if command.args.honor_robots is not None:
        settings["honor_robots"] = [name.strip() for name in command.args.honor_robots.split(",") if name.strip()]
    if command.args.passage_tokens is not None:
        settings["min_tokens"], settings["max_tokens"] = command.args.passage_tokens
    bounds = PassageConfig(settings.pop("min_tokens"), settings.pop("max_tokens"))
    languages, robots = (tuple(sorted(set(settings.pop(name)))) for name in ("languages", "honor_robots"))
    return WebConfig(passages=bounds, languages=languages, honor_robots=robots, **settings)


def plain_config(config: WebConfig) -> dict[str, Any]:
    """The settings as a recipe file has them, and as the manifest keeps them."""
    settings = asdict(config)
    settings.update(settings.pop("passages"))
    return {**settings, "languages": list(config.languages), "honor_robots": list(config.honor_robots)}


def make_units(files: Sequence[storage.FileInfo], range_bytes: int = RANGE_BYTES) -> list[Unit]:
    """The units of the input files; only compressed files are cut into ranges."""
    units = []
    for info in files:
        step = range_bytes if _is_compressed(info.path) else max(info.size, 1)
        for start in range(0, max(info.size, 1), step):
            end = min(start + step, info.size)
            name = unit_id(info.path, info.size, info.version, start, end)
            units.append(Unit(name, info.path, end - start, start, end))
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
    blocked = {"blocklist": asdict(blocklist)} if blocklist else {}
    return run_mine_job(command, miner, units, {**plain_config(config), **plain_files(command.args), **blocked})


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill mine-web`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("mine-web", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
