"""`pairmill merge`: several pair sets as one. What two of them both hold is kept once, and nothing leaks between them.

What can be lost: rows whose content another set has too, and rows of validation or test that another set would give
away; each with evidence. The rules stand in `pipelines.merging`, the graph is that of `pipelines.set_job`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from pipelines.failures import report_errors
from pipelines.input_sets import InputSets, find_sets
from pipelines.merging import CONTENT, SIDE, Merging
from pipelines.options import JobParser, UsageError, job_parser, parse
from pipelines.removed_rows import find_removed
from pipelines.set_job import run_set_job
from schemas.split_settings import split_settings

PARTITION_BYTES = 256 << 20
SPLIT_BY = ("split_key", "validation_share", "test_share")


def make_parser() -> JobParser:
    """The command's flags."""
    return job_parser(
        "merge",
        "Join pair sets. Rows and contents that two of them hold are kept once. Near-duplicates between them are not "
        "looked for: that is for `pairmill dedupe --input A B --output FOLDER`.",
        inputs="folders of two or more pair sets",
        resumable=True,
        takes_recipe=False,
    )


def check_splits(inputs: InputSets) -> None:
    """Sets that were split by a key must be split by the same one. Raises UsageError with the mend."""
    known = [(folder, split_settings(m)) for folder, m in zip(inputs.folders, inputs.manifests, strict=True)]
    split = [(folder, settings) for folder, settings in known if settings is not None]
    for folder, settings in known if split else ():
        first, wanted = split[0]
        if settings is None:
            raise UsageError(
                f"{first} was split by dedupe and {folder} was not, so a group may stand in two splits; first run "
                f"pairmill dedupe --input {folder} --existing {first} --output FOLDER, then merge that"
            )
        for name in SPLIT_BY:
            if settings[name] != wanted[name]:
                raise UsageError(
                    f"{first} was split with {name} {wanted[name]!r} and {folder} with {settings[name]!r}, so a group "
                    f"may stand in two splits; run pairmill dedupe --input {first} {folder} --output FOLDER instead"
                )


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    args = command.args
    inputs = find_sets(args.input, args.output)
    if len(inputs.folders) < 2:
        raise UsageError("merge takes two sets or more; name each folder behind --input")
    check_splits(inputs)
    removed = find_removed(dict(zip(inputs.folders, inputs.manifests, strict=True)))
    has_splits = any(set(manifest.splits) - {"train"} for manifest in inputs.manifests)
    size = inputs.rows * (3 * SIDE.itemsize if has_splits else CONTENT.itemsize)
    bits = max(0, math.ceil(math.log2(max(1, size / PARTITION_BYTES))))
    rules = Merging(removed, has_splits, bits)
    status = run_set_job(command, rules, inputs, {"removed": removed.identities}, survey=rules)
    if not (args.quiet or args.dry_run):
        print(f"near-duplicates between the sets are left: pairmill dedupe --input {args.output} --output FOLDER")
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill merge`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("merge", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
