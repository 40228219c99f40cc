"""Recipes: typed, closed, overridable, and equal when read back."""

from __future__ import annotations

import pytest

from train.recipe import Recipe
from train.recipe_file import RECIPES, make_recipe, read_recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_recipes_are_whole_and_come_back_equal(path, tmp_path):
    settings = ["base=folder"] if path.stem.startswith("cpt") else []
    recipe = read_recipe(path.stem, settings)
    saved = tmp_path / "recipe.yaml"
    saved.write_text(recipe.to_yaml())
    assert read_recipe(str(saved)) == recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_a_bundled_recipe_says_where_it_comes_from(path):
    for line in path.read_text().splitlines():
        key, _, source = line.partition(" # ")
        is_key = line.strip() and not line.lstrip().startswith("#") and not key.rstrip().endswith(":")
        assert not is_key or len(source.split()) >= 1, line


def test_the_papers_numbers():
    cpt, udever = read_recipe("cpt-text-s", ["base=x"]), read_recipe("udever")
    assert (cpt.batch, cpt.loss, cpt.train_temperature, cpt.negatives) == (12288, "symmetric", True, 0)
    assert cpt.side_delimiters() == {"anchor": ("[", "]"), "positive": ("{", "}")}
    assert (udever.batch, udever.epochs, udever.learning_rate, udever.schedule) == (1024, 3, 1e-4, "constant")
    assert udever.warmup * udever.epochs == pytest.approx(0.25, abs=1e-3)
    assert udever.side_delimiters() == {"anchor": ("[BOQ]", "[EOQ]"), "positive": ("[BOD]", "[EOD]")}
    assert (udever.trainable, udever.padding_side, udever.anchor_length + 2) == ("bitfit", "left", 300)
    assert udever.loss == "anchor_to_positive" and udever.negatives > 0


def test_a_recipe_that_names_no_base_says_so():
    with pytest.raises(ValueError, match="set base to a model's folder"):
        read_recipe("cpt-text-s")


def test_settings_override_any_key():
    recipe = read_recipe(
        "static-cpu", ["batch=64", "static.dimension=32", "clip=1", "learning_rate=1e-3", "steps=3", "epochs=null"]
    )
    assert (recipe.batch, recipe.static.dimension, recipe.clip) == (64, 32, 1.0)
    assert (recipe.learning_rate, recipe.steps, recipe.epochs) == (1e-3, 3, None)


def test_a_delimiter_on_the_command_line_is_itself():
    settings = ["encoder=base", "base=x", "delimiters.anchor_open=[", "delimiters.anchor_close=]"]
    recipe = read_recipe("small-cpu", [*settings, "delimiters.positive_open={", "delimiters.positive_close=}"])
    assert recipe.side_delimiters() == {"anchor": ("[", "]"), "positive": ("{", "}")}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"bach": 3}, r"no key bach \(the nearest is batch\)"),
        ({"static": {"dimensions": 3}}, "static.dimensions .the nearest is dimension"),
        ({"batch": 2.5}, "not a whole number"),
        ({"batch": True}, "not a whole number"),
        ({"batch": 1}, "no in-batch negatives"),
        ({"learning_rate": "fast"}, "not a number"),
        ({"learning_rate": float("nan")}, "not a number"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"schedule": "cosin"}, "nearest is cosine"),
        ({"encoder": "base"}, "set base"),
        ({"base": "x"}, "set encoder to base"),
        ({"steps": 3}, "either epochs or steps"),
        ({"static": {"anchor_dropout": 1}}, "must be a share"),
        ({"delimiters": {"anchor_open": "["}}, "four delimiters or none"),
        ({"static": 3}, "mapping"),
        ({"pooling": "closing"}, "set the recipe's delimiters"),
        ({"trainable": "bitfit"}, "needs a trained base"),
        ({"negatives": 4, "negatives_from": 2}, "must be at least negatives"),
        ({"negatives": 1, "loss": "four_directions"}, "takes no hard negatives"),
        ({"matryoshka": [64, 8]}, "smallest first"),
        ({"matryoshka": 64}, "not a list"),
        ({"export": "best"}, "set evaluate to true"),
        ({"train_temperature": "no way"}, "true or false"),
        ({"lora": {"rank": 0}}, "lora.rank is 0"),
        ({"weight_decay": -1}, "0 or more"),
    ],
)
def test_mistakes_are_one_sentence(values, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        make_recipe(values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- a list", "a: [", "\x00"])
def test_a_file_that_is_no_recipe(text, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="recipe"):
        read_recipe(str(path))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"nearest is static-cpu.*small-cpu"):
        read_recipe("static-cpus")


def test_defaults_are_valid():
    assert Recipe().encoder == "static"
