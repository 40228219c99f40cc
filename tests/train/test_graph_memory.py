"""How many graphs are kept: what is counted is what backward holds, and a resumed run does as the run did."""

from __future__ import annotations

import json

import pytest
import torch

from tests.train.test_gradcache import batch, bert, static
from tests.train.test_run import SMALL, assert_same_run
from train.gradcache import chunks_of
from train.graph_memory import ALL_GRAPHS, measure_graphs, settle_kept_tokens
from train.processes import ALONE
from train.recipe import Recipe
from train.run import main


@pytest.mark.parametrize("make", [bert, static])
def test_bytes_of_a_graph_are_in_proportion_and_nothing_is_disturbed(make):
    encoder = make().train()
    state = torch.get_rng_state()
    found = measure_graphs(encoder, batch(), 100, "float32")
    assert torch.equal(state, torch.get_rng_state())
    # A hidden layer of 16 floats a token is the least that a graph of two layers holds.
    assert found.per_token > 16 * 4 * (2 if make is bert else 0)
    assert found.largest <= found.per_token * max(chunk.tokens for chunk in chunks_of(encoder, batch(), 100))
    assert measure_graphs(encoder, batch(), 400, "float32").largest > 2 * found.largest


def test_a_budget_of_memory_is_a_number_of_tokens_that_a_resumed_run_takes_over(tmp_path):
    encoder, texts, record = bert(), batch(), tmp_path / "graphs.json"
    settle = lambda recipe, resumed: settle_kept_tokens(recipe, encoder, texts, record, ALONE, is_resumed=resumed)  # noqa: E731
    recipe = Recipe(chunk_tokens=100, graph_gib=0.001)
    kept = settle(recipe, False)
    bytes_per_token = json.loads(record.read_text())["graph_bytes_per_token"]
    assert kept == int(0.001 * 2**30 / bytes_per_token) > 0
    record.write_text(record.read_text().replace(f'"kept_tokens": {kept}', '"kept_tokens": 77'))
    assert settle(recipe, True) == 77
    assert settle(recipe, False) == kept
    assert settle(Recipe(chunk_tokens=100, graph_gib=0.002), True) >= 2 * kept
    assert settle(Recipe(chunk_tokens=100, gradcache="full"), False) == 0
    assert settle(Recipe(chunk_tokens=100, gradcache="off"), False) == ALL_GRAPHS


def test_a_resumed_run_keeps_the_graphs_that_the_run_kept(make_pair_set, tmp_path):
    """Which graphs are kept decides the order in which gradients are added up, and so their last bits."""
    arguments = [*SMALL, "--set", "graph_gib=0.0005", "--quiet", "--set", "steps=6", "--set", "epochs=null"]
    data = ["--data", str(make_pair_set(120))]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([*data, *arguments, "--output", str(whole)]) == 0
    kept = json.loads((whole / "graphs.json").read_text())["kept_tokens"]
    assert 0 < kept < 1000  # a step has more
    assert main([*data, *arguments, "--output", str(broken)]) == 0
    # The run as a crash in its last step leaves it: its own record, and the checkpoint before.
    (broken / "model").rename(tmp_path / "gone")
    (broken / "checkpoints" / "step-00000006").rename(tmp_path / "gone" / "checkpoint")
    assert main([*data, *arguments, "--output", str(broken), "--resume"]) == 0
    assert_same_run(whole, broken)
