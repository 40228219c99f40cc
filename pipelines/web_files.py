"""Which files `pairmill mine-web` reads: `--input`, or a crawl's own list, or both; and how patient it is over HTTP."""

from __future__ import annotations

import argparse
from typing import Any

from pipelines import storage
from pipelines.crawl_paths import check_sample, crawl_files, read_crawl_paths, sample_paths
from pipelines.http_files import Transfer
from pipelines.options import JobParser, UsageError


def add_file_flags(parser: JobParser) -> None:
    """The flags that this module reads, beside `--input` and `--seed`."""
    parser.add_argument(
        "--crawl-paths",
        metavar="FILE",
        help="a list of a crawl's files as Common Crawl publishes them (warc.paths.gz, wet.paths.gz), or its URL",
    )
    parser.add_argument("--base-url", metavar="URL", help="what the paths of --crawl-paths lie under")
    parser.add_argument(
        "--sample",
        metavar="N",
        help="read only N files of --crawl-paths (100), or a share of them (0.01), chosen by --seed",
    )
    default = Transfer()
    parser.add_argument(
        "--http-attempts",
        type=int,
        default=default.attempts,
        metavar="N",
        help=f"failed requests in a row after which a file behind a URL is given up (default: {default.attempts})",
    )
    parser.add_argument(
        "--http-timeout",
        type=float,
        default=default.timeout,
        metavar="SECONDS",
        help=f"how long a server may send nothing before the request counts as failed (default: {default.timeout:g})",
    )


def transfer_of(args: argparse.Namespace) -> Transfer:
    """How patient the flags say to be. Raises ValueError."""
    return Transfer(attempts=args.http_attempts, timeout=args.http_timeout)


def find_files(args: argparse.Namespace) -> list[storage.FileInfo]:
    """The files that the flags name, once each. Raises UsageError."""
    transfer = transfer_of(args)
    if args.crawl_paths is None:
        if args.base_url is not None or args.sample is not None:
            raise UsageError("--base-url and --sample belong to --crawl-paths FILE; give it, or leave them out")
        if not args.input:
            raise UsageError("nothing to read: give --input FILES, or --crawl-paths FILE with --base-url URL")
        return storage.expand(args.input, transfer)
    if args.base_url is None:
        raise UsageError("--crawl-paths needs --base-url: the folder or URL that its paths lie under")
    sample = None if args.sample is None else check_sample(args.sample)
    paths = read_crawl_paths(args.crawl_paths, transfer)
    if sample is not None:
        paths = sample_paths(paths, sample, args.seed)
    given = storage.expand(args.input, transfer) if args.input else []
    found = {info.path: info for info in [*given, *crawl_files(paths, args.base_url, transfer)]}
    return sorted(found.values(), key=lambda info: info.path)


def plain_files(args: argparse.Namespace) -> dict[str, Any]:
    """The flags that say what was read, for the manifest; `--input` is there already."""
    names = ("crawl_paths", "base_url", "sample")
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}
