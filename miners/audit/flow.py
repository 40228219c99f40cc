"""The ledgers of a set and of those it was made of as one picture: from the first records read to the pairs kept.

A stage makes other things of what it reads (a page gives many passages), so counts cannot be widths all along. The
width of a stream is what it ends as: pairs of this set where it leaves the last stage, and before every stage as much
more as that stage lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from miners.audit.charts import DROPPED, FAILED, KEPT, Chart, Link, Node, flow
from miners.audit.drops import drop_key
from miners.audit.shown_text import number, words

SHOWN_REASONS = 3
"""Reasons of a stage that have a stream of their own, the most frequent ones; the others share one."""
SHOWN_SHARE = 0.002
"""Streams that are a smaller share of what their stage read would be no more than a hair; they stand in the lists."""
ITEMS = {"record": "records", "page": "pages", "passage": "passages", "file": "files", "function": "functions"}


@dataclass
class _Picture:
    nodes: list[Node] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def node(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def link(self, source: int, target: int, width: float, color: str, hover: str, key: str | None = None) -> None:
        if width > 0:
            self.links.append(Link(source, target, width, color, hover, key))


def ledger_flow(figures: Mapping[str, Any]) -> Chart | None:
    """The picture of `figures["ledger"]` and `figures["ancestors"]`; None where nothing was read."""
    ledgers = [ledger for ledger in (*figures["ancestors"], figures["ledger"]) if _read_anything(ledger)]
    places = {ledger["job"]: i for i, ledger in enumerate(ledgers)}
    feeds = [f for f in figures["feeds"] if places.get(f["from"], len(ledgers)) < places.get(f["to"], -1)]
    picture = _Picture()
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for ledger in ledgers:
        job = ledger["job"]
        handed_on = sum(f["rows"] for f in feeds if f["from"] == job)
        is_own = ledger is figures["ledger"]
        first[job], last[job] = _draw_job(picture, ledger, handed_on or figures["pairs"]["total"] or 1, is_own)
    for feed in feeds:
        hover = f"{feed['rows']:,} pairs of pairmill {feed['from']}\nread by pairmill {feed['to']}"
        picture.link(last[feed["from"]], first[feed["to"]], feed["rows"], KEPT, hover)
    alt = "Flow of every stage, from the records read to the pairs kept; the same counts stand below"
    return flow(picture.nodes, picture.links, alt=alt, height=min(760, max(380, 22 * len(picture.nodes))))


def _read_anything(ledger: Mapping[str, Any]) -> bool:
    return any(stage["read"] for stage in ledger["stages"])


def _draw_job(picture: _Picture, ledger: Mapping[str, Any], pairs: float, is_own: bool) -> tuple[int, int]:
    """Draw the stages of one job, which end as `pairs`; gives its first node, and the one that others are fed from."""
    stages = [stage for stage in ledger["stages"] if stage["read"]]
    widths = _widths(stages, pairs)
    job = ledger["job"]
    at = [picture.node(_stage_node(job, stage)) for stage in stages]
    for i, (stage, width) in enumerate(zip(stages, widths, strict=True)):
        _draw_losses(picture, job, stage, at[i], width)
        if i + 1 < len(stages):
            picture.link(at[i], at[i + 1], width * stage["kept_share"], KEPT, _kept_text(stage))
    if not is_own:
        return at[0], at[-1]
    kept = picture.node(Node(_label("kept", stages[-1]["kept"]), KEPT, f"{stages[-1]['kept']:,} pairs in this set"))
    picture.link(at[-1], kept, widths[-1] * stages[-1]["kept_share"], KEPT, _kept_text(stages[-1]))
    return at[0], kept


def _widths(stages: Sequence[Mapping[str, Any]], pairs: float) -> list[float]:
    """What each stage read, as the width that it leaves with over the share that it kept."""
    widths: list[float] = []
    for stage in reversed(stages):
        pairs = pairs / stage["kept_share"] if stage["kept"] else 1.0
        widths.append(pairs)
    return widths[::-1]


def _stage_node(job: str, stage: Mapping[str, Any]) -> Node:
    name = stage["stage"] if job in ("dedupe", "select", "merge", "hard-negatives") else ITEMS.get(stage["stage"])
    label = _label(words(name or stage["stage"] + "s"), stage["read"])
    return Node(label, KEPT, f"pairmill {job}, stage {words(stage['stage'])}\n{stage['read']:,} read")


def _kept_text(stage: Mapping[str, Any]) -> str:
    text = f"{stage['kept']:,} of {stage['read']:,} kept ({number(stage['kept_share'], 'share')})"
    return text if stage["made"] in (stage["kept"], 0) else f"{text}\nthey gave {stage['made']:,} of the next stage"


def _draw_losses(picture: _Picture, job: str, stage: Mapping[str, Any], source: int, width: float) -> None:
    losses = [(loss, DROPPED) for loss in stage["dropped"]] + [(loss, FAILED) for loss in stage["failed"]]
    losses.sort(key=lambda item: -item[0]["pairs"])
    large = [(loss, color) for loss, color in losses if loss["share"] >= SHOWN_SHARE]
    own = len(large) if len(losses) <= SHOWN_REASONS + 1 else min(len(large), SHOWN_REASONS)
    for loss, color in losses[:own]:
        key = drop_key(job, stage["stage"], loss["name"])
        hover = f"{words(loss['name'])}: {loss['pairs']:,} of {stage['read']:,} ({number(loss['share'], 'share')})"
        target = picture.node(
            Node(_label(words(loss["name"]), loss["pairs"]), color, f"{hover}\nclick for samples", key)
        )
        picture.link(source, target, width * loss["share"], color, f"{hover}\nclick for samples", key)
    rest = [loss for loss, _ in losses[own:]]
    items, share = sum(loss["pairs"] for loss in rest), sum(loss["share"] for loss in rest)
    if share >= SHOWN_SHARE:
        name = f"{len(rest)} others"
        hover = "\n".join(f"{words(loss['name'])}: {loss['pairs']:,}" for loss in rest[:12])
        target = picture.node(Node(_label(name, items), DROPPED, hover))
        picture.link(source, target, width * share, DROPPED, hover)


def _label(name: str, items: int) -> str:
    return f"{name}\n{items:,}"
