"""Prompt templates: what is filled in, what is refused, where they come from and go to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from harness import QUICK, colour_rows, realm, train, write_rows
from tables import items_of
from typer.testing import CliRunner

from realm_cli import checkpoint, pipeline, prediction
from realm_cli.cli.app import app
from realm_cli.errors import UsageError
from realm_cli.prompts import default_template, prompts, templates_for
from realm_cli.report.model import CompetenceReport
from realm_cli.templates import checked_template

TWO = items_of([2, 3], task=[0, 1])


def test_the_task_is_named_only_where_there_are_several():
    assert default_template(["label"]) == "{text}"
    one = items_of([2])
    assert prompts(one, templates_for(one.tasks, QUICK)) == ["text 0"]
    assert prompts(TWO, templates_for(TWO.tasks, QUICK)) == ["t0: text 0", "t1: text 1"]


def test_the_cue_ends_the_default_and_no_other_template():
    assert templates_for(["label"], QUICK, "\nAnswer:") == ("{text}\nAnswer:",)
    own = QUICK.model_copy(update={"template": "Q: {text} A:"})
    assert templates_for(["label"], own, "\nAnswer:") == ("Q: {text} A:",)


def test_everything_that_can_be_filled_in():
    template = "{task}? {text}\nChoose: {options}. {{}}"
    assert prompts(TWO, [template] * 2) == [
        "t0? text 0\nChoose: L0; L1. {}",
        "t1? text 1\nChoose: L0; L1; L2. {}",
    ]


def test_a_tasks_own_template_goes_before_the_one_for_all():
    settings = QUICK.model_copy(
        update={"template": "read: {text}", "templates": {"t1": "{text} ({options})"}}
    )
    assert templates_for(TWO.tasks, settings) == ("read: {text}", "{text} ({options})")


def test_braces_in_a_text_are_text():
    odd = replace(items_of([2]), texts=("use {text} or {0}",))
    assert prompts(odd, ["{text}"]) == ["use {text} or {0}"]


WRONG = {
    "{txt}": r"\{txt\} is no placeholder; known: \{text\}, \{options\}, \{task\}",
    "{text} {}": r"\{\} is no placeholder",
    "{text!r}": r"\{text!r\} is no placeholder",
    "{text:>9}": r"\{text:>9\} is no placeholder",
    "{text.upper}": r"\{text.upper\} is no placeholder",
    "{text[0]}": r"\{text\[0\]\} is no placeholder",
    "{task}": r"needs \{text\}",
    "no placeholder": r"needs \{text\}",
    "{text} {": "a brace stands alone",
    "{text}}": "a brace stands alone",
}


@pytest.mark.parametrize(("template", "message"), WRONG.items(), ids=WRONG)
def test_templates_that_cannot_be_filled(template, message):
    with pytest.raises(ValueError, match=message):
        checked_template(template)


def test_a_template_for_a_task_that_there_is_not():
    settings = QUICK.model_copy(update={"templates": {"stance": "{text}"}})
    with pytest.raises(UsageError, match="task 'stance', which the data does not have") as refused:
        templates_for(TWO.tasks, settings)
    assert refused.value.hint == "its tasks: t0, t1"


TABLE = """
[train]
model = "tiny-t5"
template = "all: {text}"
[train.templates]
"is it so" = "{text} Yes or no?"
"""


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """The settings that `realm train` would train with."""
    seen = []

    def instead(_source, settings, *_arguments, **_more):
        seen.append(settings)
        return CompetenceReport.model_construct(warnings=())

    monkeypatch.setattr(pipeline, "train", instead)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(app, ["train", "crowd.jsonl", *arguments])
        if result.exception is not None:
            raise result.exception
        return seen[-1]

    return run


def test_templates_come_from_the_configuration(settings_of, tmp_path):
    (tmp_path / "realm.toml").write_text(TABLE)
    settings = settings_of()
    assert settings.template == "all: {text}"
    assert settings.templates == {"is it so": "{text} Yes or no?"}


def test_flags_go_before_it(settings_of, tmp_path):
    (tmp_path / "realm.toml").write_text(TABLE)
    settings = settings_of("--template", "{text}!", "--templates", '{"a": "{text}?"}')
    assert settings.template == "{text}!"
    assert settings.templates == {"a": "{text}?"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--template", "{txt}"], "--template is '{txt}': {txt} is no placeholder"),
        (["--templates", '{"a": "b"}'], "--templates for a is 'b': a template needs {text}"),
        (["--templates", "a=b"], "--templates is no JSON"),
        (["--templates", "[1]"], "--templates is"),
        (["--labels", "open", "--annotator-model", "guess"], "the annotator model guess needs"),
        (["--labels", "open", "--template", "{text} {options}"], "a template cannot list"),
    ],
)
def test_flags_that_are_refused(settings_of, arguments, message):
    with pytest.raises(UsageError) as refused:
        settings_of("--model", "tiny-t5", *arguments)
    assert refused.value.message.startswith(message)


def test_a_refusal_as_people_see_it(tmp_path):
    (tmp_path / "realm.toml").write_text('[train.templates]\nstance = "{txt}"\n')
    process = realm("train", "crowd.jsonl", "--model", "tiny-t5", cwd=tmp_path)
    assert process.returncode == 2
    assert "--templates for stance is '{txt}': {txt} is no placeholder" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_runs_template_is_kept_and_used_to_predict(tmp_path, monkeypatch):
    source = write_rows(tmp_path / "crowd.jsonl", colour_rows(12))
    settings = QUICK.model_copy(update={"epochs": 1, "template": "Q: {text} ({options})"})
    run = train(source, tmp_path / "run", settings)
    record = json.loads((run / "realm" / "run.json").read_text())
    assert [task["template"] for task in record["tasks"]] == ["Q: {text} ({options})"]
    assert checkpoint.read_record(run).settings == settings
    seen = []
    monkeypatch.setattr(
        "realm_cli.batching.prompts",
        lambda items, templates: seen.extend(prompts(items, templates)) or seen,
    )
    new = write_rows(tmp_path / "new.jsonl", [{"item_id": "n", "text": "{a} thing"}])
    prediction.predict(run, pipeline.Source((new,)))
    assert seen == ["Q: {a} thing (blue; green; red; yellow)"]
