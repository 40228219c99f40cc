"""Which weights of a Transformer train: all of them, its bias terms (BitFit), or low-rank matrices beside them (LoRA).

With BitFit (Ben Zaken et al. 2022) and LoRA (Hu et al. 2021) the rows of added tokens train too: a token that the base
has never seen says nothing until they do. They are parameters of their own, so that no other row of the embedding
moves, is decayed, or costs the optimizer memory.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from train.recipe import LoraShape


class AddedRows(nn.Module):
    """The embedding's rows of some tokens, to be trained while the embedding is frozen."""

    def __init__(self, embedding: nn.Embedding, tokens: list[int]) -> None:
        super().__init__()
        order = torch.tensor(sorted(tokens), device=embedding.weight.device)
        self.register_buffer("tokens", order, persistent=False)
        self.rows = nn.Parameter(embedding.weight.detach()[order].clone())
        embedding.register_forward_hook(self._replace)

    def _replace(self, embedding: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        ids = inputs[0]
        place = torch.searchsorted(self.tokens, ids).clamp(max=len(self.tokens) - 1)
        is_added = self.tokens[place] == ids
        return torch.where(is_added.unsqueeze(-1), self.rows[place].to(output.dtype), output)

    @torch.no_grad()
    def write_to(self, embedding: nn.Embedding) -> None:
        """Puts the trained rows into an embedding of the same tokens."""
        embedding.weight[self.tokens] = self.rows.to(embedding.weight.dtype)


def freeze_but_biases(model: PreTrainedModel) -> None:
    """BitFit. ValueError where the model has no bias terms: nothing but added rows would train."""
    biases = [name for name, _ in model.named_parameters() if name.rpartition(".")[2] == "bias"]
    if not biases:
        raise ValueError(
            f"nothing is trainable: {type(model).__name__} has no bias terms, which are all that BitFit trains; "
            "set trainable to lora or full, or name a base that has them"
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.rpartition(".")[2] == "bias")


def with_lora(model: PreTrainedModel, shape: LoraShape) -> nn.Module:
    """The model with matrices beside every linear layer, and nothing else trainable; needs the package peft."""
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError:
        raise ValueError("trainable lora needs the package peft; install it with: pip install peft") from None
    config = LoraConfig(
        r=shape.rank, lora_alpha=shape.alpha, lora_dropout=shape.dropout, target_modules="all-linear", bias="none"
    )
    return get_peft_model(model, config)
