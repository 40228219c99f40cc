"""The task `pair-set`: retrieval on one split of a pair set, by a model and by BM25 on the very same candidates."""

from __future__ import annotations

import argparse

from schemas.pair import SPLITS
from schemas.pair_set import read_manifest
from train.command_line import nearest
from train.evaluation.flags import data_name, known_names
from train.evaluation.paired_search import PROTOCOLS, PairedSearch
from train.evaluation.task import Prepared, Setting, Task
from train.named_inputs import check_pair_set_folder
from train.split_rows import read_split


def _add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", metavar="PAIR_SET", help="the pair set's folder; its anchors look for their positives")
    group.add_argument("--split", default="test", help=f"which of its splits: {', '.join(SPLITS)} (default: test)")


def _prepare(args: argparse.Namespace, setting: Setting) -> Prepared:
    check_pair_set_folder(args.data, "--data")
    if args.split not in SPLITS:
        raise ValueError(f"there is no split {args.split!r}{nearest(args.split, SPLITS)}; there is {', '.join(SPLITS)}")
    protocols = known_names(args.protocol, PROTOCOLS, "protocol")
    rows = read_split(args.data, args.split)
    search = PairedSearch(
        task="pair-set",
        data=f"{data_name(args.data)}/{args.split}",
        rows=rows,
        protocols=protocols,
        strip_comments=args.strip_comments,
        mask_names=args.mask_names,
        device=setting.device,
        journal=setting.journal,
    )
    search.check()
    identity = {"data": args.data, "data_id": read_manifest(args.data).data_id, "split": args.split}
    return Prepared(identity, search.measure, search.baselines, search.item_texts)


PAIR_SET = Task("retrieval on a pair set's own split, beside BM25", "--data", _add_flags, _prepare)
