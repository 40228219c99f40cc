"""Any Hugging Face encoder or decoder as an embedding model: the base's last hidden states, pooled.

Without delimiters a text is framed as the base's own tokenizer frames it. With them (the recipes of both papers) the
anchor is wrapped in one pair of tokens and the positive in another, and pooling "closing" reads the closing one.
`train.transformer_folder` writes and reads the folder of such an encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast

from train.base_model import find_base, read_model, read_tokenizer
from train.encoder import SIDES, Encoder, Side, on_device
from train.packed_attention import Lengths, packed, packed_inputs, packing_problem
from train.ragged import Ragged
from train.recipe import LoraShape
from train.trainable import AddedRows, freeze_but_biases, with_lora
from train.word_tokenizer import CLOSING, MASK, OPENING, PADDING, UNKNOWN

POOLINGS = ("closing", "last", "mean", "cls")
Delimiters = Mapping[Side, tuple[str, str]]
_COMPILED_MULTIPLE = 16
"""Few widths make few kernels."""
_PADDING_MATTERS = 1e-3
"""Relative change of a hidden state by padding: rounding is far below, another position far above."""


class TransformerEncoder(Encoder):
    """`delimiters` gives each side's opening and closing token, None the tokenizer's own frame."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        pooling: str,
        length: int,
        delimiters: Delimiters | None = None,
        padding_side: str = "right",
        added: Sequence[str] = (),
    ) -> None:
        """`added` names delimiters that an earlier run of ours added to the vocabulary."""
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"there is no pooling {pooling!r}; there is {', '.join(POOLINGS)}")
        if pooling == "closing" and not delimiters:
            raise ValueError("pooling closing reads the closing delimiter, and there are no delimiters")
        self.model = model
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.length = length
        self.padding_side = padding_side
        self.delimiters = {side: tuple(pair) for side, pair in delimiters.items()} if delimiters else None
        self.dimension = model.config.hidden_size
        self.added = list(added)
        self.added_rows: AddedRows | None = None
        if self.delimiters:
            self._add_missing_delimiters()
        if tokenizer.pad_token is None:
            self._add_padding()
        self.frames = {side: self._frame(side) for side in SIDES}
        self._check_length()
        if padding_side == "left":
            self._check_left_padding()

    def choose_trainable(self, kind: str, lora: LoraShape) -> None:
        """Freezes all but what `kind` ("full", "bitfit", "lora") trains. ValueError where that would be nothing."""
        if kind == "full":
            return
        if kind == "bitfit":
            freeze_but_biases(self.model)
        else:
            self.model = with_lora(self.model, lora)
        if self.added:
            tokens = self.tokenizer.convert_tokens_to_ids(self.added)
            self.added_rows = AddedRows(self.model.get_input_embeddings(), tokens)

    @property
    def text_tokenizer(self) -> Tokenizer:
        """See `Encoder.text_tokenizer`."""
        return self.tokenizer.backend_tokenizer

    def pack(self) -> str | None:
        """Computes no padding from now on; or says why this model cannot, and goes on padding."""
        longest = self.length + max(self.frame_tokens(side) for side in SIDES)
        problem = packing_problem(self._base, longest, self._base.get_input_embeddings().num_embeddings)
        self.is_packed = problem is None
        return problem

    def compile(self) -> None:
        """Lets torch make the model's kernels at the first steps, for all shapes alike."""
        # Inductor's own random numbers are not those that GradCache replays.
        torch._inductor.config.fallback_random = True
        self.width_multiple = _COMPILED_MULTIPLE
        self.model.compile(dynamic=True)

    def frame_tokens(self, side: Side) -> int:
        """See `Encoder.frame_tokens`."""
        return sum(map(len, self.frames[side]))

    def embed(self, tokens: Ragged, side: Side) -> Tensor:
        """See `Encoder.embed`; unless packed, pads to the longest row, so hand in rows of like lengths."""
        if self.is_packed:
            return self._embed_packed(self.framed(tokens, side))
        ids, mask = (on_device(part, self.device) for part in self.padded(tokens, side))
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "mean":
            real = mask.unsqueeze(-1).to(hidden.dtype)
            return (hidden * real).sum(1) / real.sum(1).clamp(min=1e-9)
        is_padded_left = self.padding_side == "left"
        if self.pooling == "cls":
            place = (1 - mask).sum(1) if is_padded_left else torch.zeros_like(mask[:, 0])
        else:
            place = torch.full_like(mask[:, 0], mask.shape[1] - 1) if is_padded_left else mask.sum(1) - 1
        return hidden[torch.arange(len(hidden), device=hidden.device), place]

    def _embed_packed(self, framed: Ragged) -> Tensor:
        is_empty = framed.lengths == 0
        # A row without tokens stands as one of padding, which no other row sees.
        ids = np.insert(framed.ids, framed.offsets[:-1][is_empty], self.tokenizer.pad_token_id)
        lengths = Lengths(np.maximum(framed.lengths, 1))
        inputs = {name: on_device(part, self.device) for name, part in packed_inputs(self._base, ids, lengths).items()}
        with packed(lengths):
            hidden = self.model(**inputs).last_hidden_state[0]
        ends = np.cumsum(lengths.each)
        if self.pooling != "mean":
            place = ends - lengths.each if self.pooling == "cls" else ends - 1
            return hidden[on_device(torch.from_numpy(place), hidden.device)]
        rows = on_device(torch.from_numpy(np.repeat(np.arange(len(framed)), lengths.each)), hidden.device)
        weight = on_device(torch.from_numpy((~is_empty / lengths.each)[:, None]), hidden.device)
        return hidden.new_zeros(len(framed), self.dimension).index_add(0, rows, hidden) * weight.to(hidden.dtype)

    def framed(self, tokens: Ragged, side: Side) -> Ragged:
        """The texts with the ids that stand before and after each."""
        before, after = self.frames[side]
        offsets = np.zeros(len(tokens) + 1, np.int64)
        np.cumsum(tokens.lengths + len(before) + len(after), out=offsets[1:])
        ids = np.empty(offsets[-1], np.int64)
        for step, token in enumerate(before):
            ids[offsets[:-1] + step] = token
        shift = offsets[:-1] + len(before) - tokens.offsets[:-1]
        ids[np.arange(len(tokens.ids)) + np.repeat(shift, tokens.lengths)] = tokens.ids
        for step, token in enumerate(after):
            ids[offsets[1:] - len(after) + step] = token
        return Ragged(ids, offsets)

    def padded(self, tokens: Ragged, side: Side) -> tuple[Tensor, Tensor]:
        """Framed ids and attention mask, int64 of (rows, longest), padded on the encoder's side."""
        framed = self.framed(tokens, side)
        lengths = framed.lengths
        longest = max(int(lengths.max(initial=0)), 1)
        rounded = -(-longest // self.width_multiple) * self.width_multiple
        width = max(longest, min(rounded, self.length + self.frame_tokens(side)))  # the base has no further positions
        start = width - lengths if self.padding_side == "left" else np.zeros_like(lengths)
        ids = np.full((len(framed), width), self.tokenizer.pad_token_id, np.int64)
        ids[framed.rows, np.arange(len(framed.ids)) - np.repeat(framed.offsets[:-1] - start, lengths)] = framed.ids
        column = np.arange(width)
        mask = (column >= start[:, None]) & (column < (start + lengths)[:, None])
        return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))

    def save(self, folder: Path) -> None:
        """See `Encoder.save`."""
        from train.transformer_folder import save_transformer

        save_transformer(self, folder)

    @property
    def _base(self) -> PreTrainedModel:
        """The model without what peft wraps around it."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def _add_missing_delimiters(self) -> None:
        """Adds the delimiters that the vocabulary lacks, with rows for them. ValueError where one is several tokens."""
        known = self.tokenizer.get_vocab()
        wanted = [token for pair in self.delimiters.values() for token in pair]
        for token in wanted:
            if not token or token != token.strip() or any(character.isspace() for character in token):
                raise ValueError(f"the delimiter {token!r} is not one token; give a token without blanks")
        missing = [token for token in dict.fromkeys(wanted) if token not in known]
        if missing:
            self.tokenizer.add_special_tokens({"additional_special_tokens": missing})
            self.added += missing
            self._fit_rows()

    def _add_padding(self) -> None:
        """Gives a decoder's tokenizer what sentence-transformers pads with. It is masked, so the end token will do."""
        if self.tokenizer.eos_token is None:
            self.tokenizer.add_special_tokens({"pad_token": PADDING})
            self._fit_rows()
        else:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def _fit_rows(self) -> None:
        if len(self.tokenizer) > self.model.get_input_embeddings().num_embeddings:
            self.model.resize_token_embeddings(len(self.tokenizer))

    def _frame(self, side: Side) -> tuple[list[int], list[int]]:
        """Ids before and after a text of `side`."""
        if self.delimiters:
            opening, closing = self.tokenizer.convert_tokens_to_ids(list(self.delimiters[side]))
            return [opening], [closing]
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()
        plain = backend.encode("a", add_special_tokens=False).ids
        framed = backend.encode("a", add_special_tokens=True).ids
        for start in range(len(framed) - len(plain) + 1):
            if framed[start : start + len(plain)] == plain:
                return framed[:start], framed[start + len(plain) :]
        raise ValueError("this tokenizer changes a text when it adds its special tokens; give the recipe delimiters")

    @torch.no_grad()
    def _check_left_padding(self) -> None:
        """ValueError where padding on the left moves a text's positions, for whoever encodes with this model."""
        wide, alone = Ragged.from_lists([[0] * 5, [0]]), Ragged.from_lists([[0]])
        was_training = self.model.training
        self.model.eval()
        padded, plain = self.embed(wide, "anchor")[1], self.embed(alone, "anchor")[0]
        self.model.train(was_training)
        if (padded - plain).norm() > _PADDING_MATTERS * plain.norm():
            raise ValueError(
                f"{type(self.model).__name__} counts padding on the left as positions, so that a text's vector would "
                "depend on its batch; set padding_side to right"
            )

    def _check_length(self) -> None:
        places = getattr(self.model.config, "max_position_embeddings", None)
        longest = self.length + max(len(before) + len(after) for before, after in self.frames.values())
        if places and longest > places:
            raise ValueError(
                f"a text of {longest} tokens with its delimiters does not fit the base's {places} positions; "
                f"set both lengths to {places - longest + self.length} at most"
            )


def from_base(
    name: str, pooling: str, length: int, delimiters: Delimiters | None = None, padding_side: str = "right"
) -> TransformerEncoder:
    """An encoder on the weights that `train.base_model.find_base` finds. ValueError, with the mend, where it cannot be.

    A model folder of ours goes on with the delimiters that it was trained with, and refuses others.
    """
    base = find_base(name)
    known = base.settings or {}
    if base.settings and _plain(known["delimiters"]) != _plain(delimiters):
        raise ValueError(
            f"{name} was trained with the delimiters {_plain(known['delimiters'])}, not {_plain(delimiters)}; "
            "give the recipe the same"
        )
    tokenizer, model = read_tokenizer(base), read_model(base)
    added = known.get("added_tokens", ())
    return TransformerEncoder(model, tokenizer, pooling, length, delimiters, padding_side, added)


def from_scratch(tokenizer: Tokenizer, shape: Mapping[str, int], pooling: str, length: int) -> TransformerEncoder:
    """A small BERT with weights by torch's random state: `shape` has hidden_size, layers, heads, intermediate_size."""
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape["hidden_size"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["intermediate_size"],
        max_position_embeddings=length + 2,
        pad_token_id=tokenizer.token_to_id(PADDING),
    )
    names = {"pad": PADDING, "unk": UNKNOWN, "cls": OPENING, "sep": CLOSING, "mask": MASK}
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{role}_token": token for role, token in names.items()}
    )
    return TransformerEncoder(BertModel(config, add_pooling_layer=False), wrapped, pooling, length)


def _plain(delimiters: Mapping[str, Sequence[str]] | None) -> dict[str, list[str]] | None:
    return {side: list(pair) for side, pair in delimiters.items()} if delimiters else None
