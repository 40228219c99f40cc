import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from pipelines.options import UsageError, job_parser, parse, pipeline_options, read_recipe

NEEDED = ["--input", "a", "--output", "o"]


def parsed(*flags: str):
    return parse(job_parser("mine-web", "x", inputs="files", resumable=True), [*NEEDED, *flags])


def test_flags_of_beam_are_passed_on_and_ours_win():
    command = parsed("--project=p", "--dry_run", "--keep_rejects", "--runner", "DataflowRunner")
    assert command.args.dry_run and command.args.keep_rejects
    assert command.beam_args == ("--project=p", "--runner", "DataflowRunner")
    assert pipeline_options(command, 0).view_as(StandardOptions).runner == "DataflowRunner"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--outptu", "x"], "there is no flag --outptu; did you mean --output?"),
        (["--worker=2"], "there is no flag --worker; did you mean --workers?"),
        (["--numworkers=2"], "did you mean --num"),
        (["stray"], "belongs to no flag"),
        (["--streaming"], "in batch"),
        (["--save_main_session"], "importable module"),
        (["--save-main-session"], "importable module"),
        (["--workers", "0"], "must be 1 or more"),
        (["--seed", "x"], "invalid int"),
    ],
)
def test_wrong_flags_are_named(flags, sentence):
    with pytest.raises(UsageError) as error:
        parsed(*flags)
    assert sentence in str(error.value)


def test_workers_and_another_runner_contradict_each_other():
    with pytest.raises(UsageError, match="--workers is for local runs"):
        pipeline_options(parsed("--workers", "2", "--runner=DaskRunner"), 0)


@pytest.mark.parametrize(("flags", "size", "mode"), [([], 10, "in_memory"), (["--workers=2"], 10, "multi_processing")])
def test_the_default_runner_is_in_memory_for_small_inputs(flags, size, mode):
    options = pipeline_options(parsed(*flags), size)
    assert options.view_as(StandardOptions).runner.endswith("FnApiRunner")
    assert options.view_as(DirectOptions).direct_running_mode == mode


def test_a_recipe_lays_its_settings_over_the_defaults(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("min_words: 5\n")
    assert read_recipe(str(recipe), {"min_words": 32, "share": 0.5}) == {"min_words": 5, "share": 0.5}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("min_word: 5", "did you mean min_words?"),
        ("min_words: many", "must be of type int"),
        ("min_words: true", "must be of type int"),
        ("- 5", "must be a mapping"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(tmp_path, text, sentence):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text)
    with pytest.raises(UsageError, match=sentence.replace("?", r"\?")):
        read_recipe(str(recipe), {"min_words": 32})


def test_a_misspelt_flag_is_named_before_the_missing_one():
    with pytest.raises(UsageError, match=r"no flag --inptu; did you mean --input\?"):
        parse(job_parser("mine-web", "x", inputs="files"), ["--inptu", "a", "--output", "o"])
