"""The contrastive losses: InfoNCE over cosines, with the known false negatives left out, over any number of processes.

logit(i, j) = cos(x_i, y_j) · exp(τ), τ trained. With the sums over everything that is not masked,

- ``symmetric`` is the mean of the row-wise and the column-wise cross-entropy over the diagonal (Neelakantan et al.
  2022); hard negatives, where there are any, are further columns of the rows;
- ``anchor_to_positive`` is the row-wise cross-entropy alone: each anchor against all positives and all hard negatives
  of the batch (Zhang et al. 2023);
- ``four_directions`` divides by one sum of row, column, anchor-anchor and positive-positive terms (GTE's
  improved contrastive loss, Li et al. 2023).

τ starts at ln(1/0.07) and stops at ln 100, CLIP's values.

The square of logits is never held whole: it is made block by block of rows, twice (once for the log-sums of exponents
of rows and columns, once for the gradient), so memory is linear in the batch. Every process makes the rows of its own
anchors; column sums and the gradients of other processes' positives are added up over the processes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.processes import ALONE, Processes

INITIAL_TEMPERATURE = 0.07
HIGHEST_LOG_SCALE = math.log(100.0)
BLOCK_ROWS = 512
BLOCK_CELLS = 1 << 21
"""Logits at a time: memory for them does not grow with the batch."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the rows of a global batch are known to share; each int64 of (rows,). Null clusters equal nothing."""

    anchor_hash: Tensor
    positive_hash: Tensor
    cluster: Tensor
    has_cluster: Tensor
    """False where the cluster is null."""
    negative_cells: tuple[np.ndarray, np.ndarray] | None = None
    """(row, hard negative of the batch) of each known false negative among those, in order of rows."""

    def to(self, device: torch.device) -> Identity:
        """The same on another device."""
        names = ("anchor_hash", "positive_hash", "cluster", "has_cluster")
        return Identity(*(getattr(self, name).to(device) for name in names), self.negative_cells)


def false_negatives(known: Identity, start: int = 0, stop: int | None = None) -> Tensor:
    """Where row i's and row j's pair are known to mean the same, (stop - start, rows); never on the diagonal.

    True where the anchor hashes, the positive hashes or the (non-null) clusters are equal, or the anchor hash of one
    equals the positive hash of the other: two pairs (p1, p2) and (p2, p3) of one page make p2 meet itself.
    """
    rows = slice(start, stop)
    anchor, positive = known.anchor_hash, known.positive_hash
    same = anchor[rows, None] == anchor
    same |= positive[rows, None] == positive
    same |= anchor[rows, None] == positive
    same |= positive[rows, None] == anchor
    same |= (known.cluster[rows, None] == known.cluster) & known.has_cluster[rows, None] & known.has_cluster
    same.diagonal(start).fill_(False)
    return same


@dataclass(slots=True)
class Tally:
    """What a batch's logits say beside the loss; filled in by `info_nce`, of this process's rows."""

    first: Tensor | None = None
    """int64 scalar: anchors whose own positive has the highest logit of all that are not masked."""


class Temperature(nn.Module):
    """exp(τ), τ trained and held at ln 100 at most, or fixed where it is not `trained`."""

    def __init__(self, initial: float = INITIAL_TEMPERATURE, *, trained: bool = True) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / initial)), requires_grad=trained)

    def forward(self) -> Tensor:
        """The factor of the cosines."""
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """To be called after each step of the optimizer."""
        if self.log_scale.requires_grad:
            self.log_scale.clamp_(max=HIGHEST_LOG_SCALE)


def info_nce(
    anchors: Tensor,
    positives: Tensor,
    scale: Tensor,
    known: Identity | None = None,
    *,
    negatives: Tensor | None = None,
    kind: str = "symmetric",
    processes: Processes = ALONE,
    block: int | None = None,
    tally: Tally | None = None,
) -> tuple[Tensor, float]:
    """The loss of the global batch (a scalar) and the share of its negatives' logits that were masked.

    `anchors`, `positives` and `negatives` are this process's, (rows, dimension), not normalised; `known` is of all
    processes' rows. Normalising and logits are in float32 at least, whatever the encoder computes in.
    """
    wide = torch.promote_types(anchors.dtype, torch.float32)
    x, y = F.normalize(anchors.to(wide), dim=-1), F.normalize(positives.to(wide), dim=-1)
    z = x.new_zeros((0, x.shape[1])) if negatives is None else F.normalize(negatives.to(wide), dim=-1)
    block = block or max(min(BLOCK_ROWS, BLOCK_CELLS // max(len(x) * processes.size, 1)), 1)
    start = processes.first_row(len(x), x.device)
    # A batch in which no two rows share anything, the usual one, needs no mask at all.
    masked = 0
    if known is not None and shares_anything(known):
        masked = _count_masked(known, start, start + len(x), block)
    mask = _Mask(known if masked else None, start)
    with torch.autocast(x.device.type, enabled=False):
        loss = _BlockedInfoNCE.apply(x, y, z, scale.to(wide), kind, mask, processes, block, tally)
    if known is None:  # of all processes alike, and nothing to wait for
        return loss, 0.0
    counts = processes.sum(torch.tensor([masked, len(x), len(z)], dtype=torch.int64, device=x.device)).tolist()
    return loss, counts[0] / max(counts[1] * (counts[1] - 1 + counts[2]), 1)


def matryoshka_info_nce(
    dimensions: tuple[int, ...], vectors: tuple[Tensor, Tensor, Tensor | None], scale: Tensor, **settings: object
) -> tuple[Tensor, float]:
    """The sum of `info_nce` over the leading `dimensions` and the whole vectors (Kusupati et al. 2022, weights 1)."""
    width = vectors[0].shape[1]
    total, share = vectors[0].new_zeros((), dtype=torch.promote_types(vectors[0].dtype, torch.float32)), 0.0
    for size in (*(size for size in dimensions if size < width), width):
        x, y, z = (None if part is None else part[:, :size] for part in vectors)
        loss, share = info_nce(x, y, scale, negatives=z, **settings)
        total = total + loss
    return total, share


@dataclass(frozen=True, slots=True)
class _Mask:
    """The known false negatives of this process's rows, which begin at `start` of the global batch."""

    known: Identity | None
    start: int

    def hide(self, logits: Tensor, first: int, rows: int) -> None:
        """Takes the masked cells out of some of this process's logits with positives, or with the like side."""
        if self.known is not None:
            begin = self.start + first
            logits.masked_fill_(false_negatives(self.known, begin, begin + rows), -math.inf)

    def hide_negatives(self, logits: Tensor, first: int, rows: int) -> None:
        """The same of logits with hard negatives."""
        if self.known is not None and self.known.negative_cells is not None:
            begin = self.start + first
            cells, columns = self.known.negative_cells
            low, high = np.searchsorted(cells, [begin, begin + rows])
            where = (torch.from_numpy(cells[low:high] - begin), torch.from_numpy(columns[low:high]))
            logits[where[0].to(logits.device), where[1].to(logits.device)] = -math.inf


def shares_anything(known: Identity) -> bool:
    """Whether any value of hashes (both sides together) or of clusters stands twice, or a hard negative is known."""
    if known.negative_cells is not None and len(known.negative_cells[0]):
        return True
    # A pair whose two sides are equal counts twice here, and costs only the longer way.
    hashes = torch.cat([known.anchor_hash, known.positive_hash])
    clusters = known.cluster[known.has_cluster]
    return len(hashes.unique()) < len(hashes) or len(clusters.unique()) < len(clusters)


def _count_masked(known: Identity, start: int, stop: int, block: int) -> int:
    found = sum(int(false_negatives(known, at, min(at + block, stop)).sum()) for at in range(start, stop, block))
    if known.negative_cells is not None:
        found += int(np.diff(np.searchsorted(known.negative_cells[0], [start, stop]))[0])
    return found


class _BlockedInfoNCE(torch.autograd.Function):
    """Loss and gradient in one pass: a scalar's gradient with respect to the cosines is known in closed form.

    With P the softmax of rows and Q that of columns over n rows, d loss / d logit is (P + Q) / 2n - I / n where the
    loss is symmetric, P / n - I / n where it is of the rows alone; with four directions P and Q are shares of the one
    sum of row i, and of row j, and stand undivided: (P + Q) / n - I / n.
    """

    @staticmethod
    def forward(ctx, x, y, z, scale, kind, mask, processes, block, tally):  # noqa: ANN001, ANN205
        batch = _Batch(x, y, z, scale.detach(), mask, processes, block)
        row_sums, column_sums = batch.log_sums(tally)
        diagonal = (x * y).sum(1).mul_(batch.factor)
        mine = slice(mask.start, mask.start + len(x))
        if kind == "symmetric":
            per_row = (row_sums + column_sums[mine]) / 2 - diagonal
            gradients = batch.gradients(row_sums, column_sums, 0.5, 0.5)
        elif kind == "anchor_to_positive":
            per_row = row_sums - diagonal
            gradients = batch.gradients(row_sums, None, 1.0, 0.0)
        else:
            anchors, _ = processes.gather_rows(x)
            like = [batch.like_sums(x, anchors), batch.like_sums(y, batch.positives)]
            sums = torch.logsumexp(torch.stack([row_sums, column_sums[mine], *like]), dim=0)
            per_row = sums - diagonal
            gradients = batch.gradients(sums, processes.gather_rows(sums)[0], 1.0, 1.0)
            _add_like_gradients(batch, gradients, sums, anchors)
        ctx.processes, ctx.factor = processes, batch.factor
        ctx.save_for_backward(gradients.x, gradients.y, gradients.z, gradients.scale)
        return processes.sum(per_row.sum()) / batch.rows

    @staticmethod
    def backward(ctx, upstream):  # noqa: ANN001, ANN205
        x, y, z, scale = ctx.saved_tensors
        # The processes' gradients will be averaged, and their sum is meant.
        outer = upstream * ctx.processes.size
        inner = outer * ctx.factor
        return inner * x, inner * y, inner * z, outer * scale, None, None, None, None, None


@dataclass(slots=True)
class _Gradients:
    """Of the loss with respect to this process's vectors, divided by the factor of cosines, and to that factor."""

    x: Tensor
    y: Tensor
    z: Tensor
    scale: Tensor


class _Batch:
    """This process's anchors against the positives and hard negatives of all."""

    def __init__(
        self, x: Tensor, y: Tensor, z: Tensor, factor: Tensor, mask: _Mask, processes: Processes, block: int
    ) -> None:
        self.x, self.y, self.factor, self.mask, self.processes = x, y, factor, mask, processes
        self.positives, _ = processes.gather_rows(y)
        self.negatives, self.first_negative = processes.gather_rows(z)
        self.mine, self.own_negatives = slice(mask.start, mask.start + len(x)), len(z)
        self.rows = len(self.positives)
        self.blocks = [slice(at, min(at + block, len(x))) for at in range(0, len(x), block)]
        self._space = x.new_empty(2, min(block, len(x)), self.rows + len(self.negatives))

    def log_sums(self, tally: Tally | None = None) -> tuple[Tensor, Tensor]:
        """log Σ exp of each of this process's rows and of every column of positives."""
        first = torch.zeros((), dtype=torch.int64, device=self.x.device)
        row_sums = self.x.new_empty(len(self.x))
        highest, sums = self.x.new_full((self.rows,), -math.inf), self.x.new_zeros(self.rows)
        for part in self.blocks:
            logits, spare = self._logits(part)
            peak = logits.amax(1)
            first += (logits.diagonal(self.mask.start + part.start) >= peak).sum()
            row_sums[part] = torch.sub(logits, peak[:, None], out=spare).exp_().sum(1).log_() + peak
            # The running sum of each column, rescaled whenever its maximum rises (online log-sum-exp). A column may
            # so far hold only masked logits: then its maximum is -inf, and it has nothing to rescale.
            square, scratch = logits[:, : self.rows], spare[:, : self.rows]
            raised = torch.maximum(highest, square.amax(0))
            shift = torch.where(raised == -math.inf, 0.0, raised)
            sums = sums * (highest - shift).exp_() + torch.sub(square, shift, out=scratch).exp_().sum(0)
            highest = raised
        if tally is not None:
            tally.first = first
        top = self.processes.highest(highest.clone())
        sums = self.processes.sum(sums * (highest - top).exp_())
        return row_sums, top + sums.log_()

    def gradients(
        self, row_sums: Tensor, column_sums: Tensor | None, row_weight: float, column_weight: float
    ) -> _Gradients:
        """Of the terms between anchors and positives or hard negatives, for the given sums that they are shares of."""
        grad_x, grad_y = torch.empty_like(self.x), torch.zeros_like(self.positives)
        grad_z = torch.zeros_like(self.negatives)
        for part in self.blocks:
            logits, spare = self._logits(part)
            if column_sums is not None:
                columns = torch.sub(logits[:, : self.rows], column_sums, out=spare[:, : self.rows]).exp_()
            gradient = logits.sub_(row_sums[part, None]).exp_().mul_(row_weight / self.rows)
            square, hard = gradient[:, : self.rows], gradient[:, self.rows :]
            if column_sums is not None:
                square.add_(columns, alpha=column_weight / self.rows)
            square.diagonal(self.mask.start + part.start).sub_(1.0 / self.rows)
            torch.mm(square, self.positives, out=grad_x[part])
            grad_x[part].addmm_(hard, self.negatives)
            grad_y.addmm_(square.T, self.x[part])
            grad_z.addmm_(hard.T, self.x[part])
        # cos = x · y, so the gradient of the scale is the sum of gradient times cosine.
        scale = (grad_x * self.x).sum()
        own = slice(self.first_negative, self.first_negative + self.own_negatives)
        return _Gradients(grad_x, self.processes.sum(grad_y)[self.mine], self.processes.sum(grad_z)[own], scale)

    def like_sums(self, own: Tensor, everyone: Tensor) -> Tensor:
        """log Σ exp of each of this process's rows against the other rows of its own side."""
        sums = own.new_empty(len(own))
        for part in self.blocks:
            torch.logsumexp(self._like_logits(own, everyone, part), dim=1, out=sums[part])
        return sums

    def like_gradients(self, own: Tensor, everyone: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Of those terms as shares of `sums`: with respect to this process's vectors, and to the scale."""
        grad_own, grad_all = torch.empty_like(own), torch.zeros_like(everyone)
        for part in self.blocks:
            gradient = self._like_logits(own, everyone, part).sub_(sums[part, None]).exp_().div_(self.rows)
            torch.mm(gradient, everyone, out=grad_own[part])
            grad_all.addmm_(gradient.T, own[part])
        return grad_own + self.processes.sum(grad_all)[self.mine], (grad_own * own).sum()

    def _logits(self, part: slice) -> tuple[Tensor, Tensor]:
        """The logits of some rows, in the first half of the space; the second half is for the caller's use."""
        size = part.stop - part.start
        logits, spare = self._space[0, :size], self._space[1, :size]
        torch.mm(self.x[part], self.positives.T, out=logits[:, : self.rows])
        if len(self.negatives):
            torch.mm(self.x[part], self.negatives.T, out=logits[:, self.rows :])
        logits.mul_(self.factor)
        self.mask.hide(logits[:, : self.rows], part.start, size)
        if len(self.negatives):
            self.mask.hide_negatives(logits[:, self.rows :], part.start, size)
        return logits, spare

    def _like_logits(self, own: Tensor, everyone: Tensor, part: slice) -> Tensor:
        logits = torch.mm(own[part], everyone.T).mul_(self.factor)
        self.mask.hide(logits, part.start, part.stop - part.start)
        logits.diagonal(self.mask.start + part.start).fill_(-math.inf)
        return logits


def _add_like_gradients(batch: _Batch, gradients: _Gradients, sums: Tensor, anchors: Tensor) -> None:
    more_x, scale_x = batch.like_gradients(batch.x, anchors, sums)
    more_y, scale_y = batch.like_gradients(batch.y, batch.positives, sums)
    gradients.x = gradients.x + more_x
    gradients.y = gradients.y + more_y
    gradients.scale = gradients.scale + scale_x + scale_y
