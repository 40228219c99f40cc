"""The contrastive loss: symmetric InfoNCE over cosines, with the known false negatives left out.

logit(i, j) = cos(x_i, y_j) · exp(τ), τ trained; the loss is the mean of the row-wise and the column-wise cross-entropy
over the diagonal (Neelakantan et al. 2022, eq. 1). τ starts at ln(1/0.07) and stops at ln 100, CLIP's values.

The square of logits is never held whole: it is made block by block of rows, twice (once for the log-sums of exponents
of rows and columns, once for the gradient), so memory is linear in the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INITIAL_TEMPERATURE = 0.07
HIGHEST_LOG_SCALE = math.log(100.0)
BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Identity:
    """What a batch's rows are known to share; each int64 of (rows,). `has_cluster` is False where cluster is null."""

    anchor_hash: Tensor
    positive_hash: Tensor
    cluster: Tensor
    has_cluster: Tensor

    def to(self, device: torch.device) -> Identity:
        """The same on another device."""
        return Identity(*(getattr(self, name).to(device) for name in self.__slots__))


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


class Temperature(nn.Module):
    """exp(τ), τ trained and held at ln 100 at most."""

    def __init__(self, initial: float = INITIAL_TEMPERATURE) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / initial)))

    def forward(self) -> Tensor:
        """The factor of the cosines."""
        return self.log_scale.exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """To be called after each step of the optimizer."""
        self.log_scale.clamp_(max=HIGHEST_LOG_SCALE)


def info_nce(
    anchors: Tensor, positives: Tensor, scale: Tensor, known: Identity | None = None, block: int = BLOCK_ROWS
) -> tuple[Tensor, float]:
    """The loss (a scalar) and the share of off-diagonal logits that were masked.

    `anchors` and `positives` are (rows, dimension), not normalised; normalising and logits are in float32 at least,
    whatever the encoder computes in.
    """
    wide = torch.promote_types(anchors.dtype, torch.float32)
    x, y = F.normalize(anchors.to(wide), dim=-1), F.normalize(positives.to(wide), dim=-1)
    # A batch in which no two rows share anything, the usual one, needs no mask at all.
    masked_logits = 0
    if known is not None and _shares_anything(known):
        masked_logits = _count_masked(known, block)
    with torch.autocast(x.device.type, enabled=False):
        loss = _BlockedInfoNCE.apply(x, y, scale.to(wide), known if masked_logits else None, block)
    rows = len(anchors)
    return loss, masked_logits / max(rows * (rows - 1), 1)


def _shares_anything(known: Identity) -> bool:
    """Whether any value of hashes (both sides together) or of clusters stands twice."""
    # A pair whose two sides are equal counts twice here, and costs only the longer way.
    hashes = torch.cat([known.anchor_hash, known.positive_hash])
    clusters = known.cluster[known.has_cluster]
    return len(hashes.unique()) < len(hashes) or len(clusters.unique()) < len(clusters)


def _count_masked(known: Identity, block: int) -> int:
    rows = len(known.cluster)
    return sum(int(false_negatives(known, start, start + block).sum()) for start in range(0, rows, block))


class _BlockedInfoNCE(torch.autograd.Function):
    """Loss and gradient in one pass: a scalar's gradient with respect to the cosines is known in closed form.

    With P the row-wise and Q the column-wise softmax, d loss / d logit = (P + Q) / 2n - I / n.
    """

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, scale: Tensor, known: Identity | None, block: int) -> Tensor:  # noqa: ANN001
        rows, factor = len(x), float(scale)
        space = x.new_empty(2, min(block, rows), rows)
        row_sums, column_sums = _log_sums(x, y, factor, known, block, space)
        grad_x, grad_y = torch.empty_like(x), torch.zeros_like(y)
        for start in range(0, rows, block):
            part = slice(start, min(start + block, rows))
            logits, spare = _logits(x, y, factor, known, part, space)
            torch.sub(logits, column_sums, out=spare).exp_()
            gradient = logits.sub_(row_sums[part, None]).exp_().add_(spare).div_(2 * rows)
            gradient.diagonal(start).sub_(1.0 / rows)
            torch.mm(gradient, y, out=grad_x[part])
            grad_y.addmm_(gradient.T, x[part])
        # cos = x · y, so the gradient of the scale is the sum of gradient times cosine.
        ctx.save_for_backward(grad_x * factor, grad_y * factor, (grad_x * x).sum())
        diagonal = (x * y).sum(1).mul_(factor)
        return ((row_sums + column_sums) / 2 - diagonal).mean()

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN001
        grad_x, grad_y, grad_scale = ctx.saved_tensors
        return upstream * grad_x, upstream * grad_y, upstream * grad_scale, None, None


def _log_sums(
    x: Tensor, y: Tensor, factor: float, known: Identity | None, block: int, space: Tensor
) -> tuple[Tensor, Tensor]:
    """log Σ exp of each row and of each column of the logits."""
    rows = len(x)
    row_sums = x.new_empty(rows)
    highest, sums = x.new_full((rows,), -math.inf), x.new_zeros(rows)
    for start in range(0, rows, block):
        part = slice(start, min(start + block, rows))
        logits, spare = _logits(x, y, factor, known, part, space)
        peak = logits.amax(1)
        row_sums[part] = torch.sub(logits, peak[:, None], out=spare).exp_().sum(1).log_() + peak
        # The running sum of each column, rescaled whenever its maximum rises (online log-sum-exp). A column may so far
        # hold only masked logits: then its maximum is -inf, and it has nothing to rescale.
        raised = torch.maximum(highest, logits.amax(0))
        shift = torch.where(raised == -math.inf, 0.0, raised)
        sums = sums * (highest - shift).exp_() + torch.sub(logits, shift, out=spare).exp_().sum(0)
        highest = raised
    return row_sums, highest + sums.log_()


def _logits(
    x: Tensor, y: Tensor, factor: float, known: Identity | None, part: slice, space: Tensor
) -> tuple[Tensor, Tensor]:
    """The logits of some rows, in the first half of `space`; the second half is handed back for the caller's use."""
    logits, spare = space[0, : part.stop - part.start], space[1, : part.stop - part.start]
    torch.mm(x[part], y.T, out=logits)
    logits.mul_(factor)
    if known is not None:
        logits.masked_fill_(false_negatives(known, part.start, part.stop), -math.inf)
    return logits, spare
