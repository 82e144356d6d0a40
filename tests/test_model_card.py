"""The card of a model: counts, the method, and a snippet that does what it says without realm."""

from __future__ import annotations

import json
import re

import pytest
from backbones.checkpoints import write_checkpoint
from harness import (
    COLOURS,
    QUICK,
    colour_rows,
    colour_run,
    python,
    train,
    two_task_rows,
    two_task_run,
    write_rows,
)
from huggingface_hub import ModelCard

from realm_cli import pipeline, prediction
from realm_cli.report.model_card import code

WITHOUT_REALM = "import sys\nsys.modules['realm_cli'] = None\n"


@pytest.fixture
def base(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


def trained(kind, folder):
    """A run of a kind of model, with options of the items' own where it says so."""
    kind, _, pairs = kind.partition(" ")
    rows = two_task_rows() if pairs else colour_rows(24)
    texts = [row["text"] for row in rows] + [row["label"] for row in rows]
    texts += [name for row in rows for name in row.get("options") or ()] + ["which", "is it so"]
    model = write_checkpoint(kind, folder / "a model", texts)
    settings = QUICK.model_copy(update={"model": str(model)})
    return train(write_rows(folder / "crowd.jsonl", rows), folder / "run", settings), bool(pairs)


def snippet(run):
    (found,) = re.findall(r"```python\n(.*?)\n```", (run / "README.md").read_text(), re.DOTALL)
    return found


KINDS = ["t5", "bart", "llama", "gpt2", "bert", "bert pairs", "t5 pairs", "llama pairs"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_cards_own_snippet_says_what_realm_says(kind, tmp_path):
    run, own_options = trained(kind, tmp_path)
    item = {"item_id": "n", "text": "thing 3 has the colour red", "task": "label"}
    options = list(COLOURS)
    if own_options:
        item = {"item_id": "n", "text": "who is in picture 3?", "task": "which"}
        options = ["a cat", "one", "none"]
        item["options"] = options
    tasks = json.loads((run / "realm" / "run.json").read_text())["tasks"]
    (template,) = (task["template"] for task in tasks if task["task"] == item["task"])
    text = template.format(text=item["text"], task=item["task"])
    source = pipeline.Source((write_rows(tmp_path / "new.jsonl", [item]),))
    (ours,) = prediction.predict(run, source).to_pylist()
    # An encoder's example has only its own labels; the other kinds' example options fit anything.
    asked = f"\nimport json\nprint(json.dumps(probabilities({text!r}, {options!r})))"
    process = python("-c", WITHOUT_REALM + snippet(run) + asked, cwd=run)
    assert process.returncode == 0, process.stderr
    theirs = json.loads(process.stdout.splitlines()[-1])
    expected = dict(zip(ours["options"], ours["posterior"], strict=True))
    assert theirs == pytest.approx(expected, abs=1e-4)


def test_counts_method_and_no_identities(base):
    run = colour_run(base)
    text = (run / "README.md").read_text()
    card = ModelCard(text)
    assert card.data.library_name == "transformers"
    assert card.data.pipeline_tag == "text-generation"
    assert card.data.get("base_model") is None
    assert card.data.get("license") is None
    assert "120 annotations of 40 items by\n8 annotators (1 task)" in text
    report = json.loads((run / "realm" / "report.json").read_text())
    gold = report["summary"]["accuracy_on_gold"]
    (result,) = card.data.eval_results
    assert result.metric_value == pytest.approx(gold["model"], abs=1e-4)
    assert result.dataset_name == f"{gold['n']} items with gold"
    assert f"model {gold['model']:.3f}" in text
    assert "| objective | `joint` |" in text
    assert "| seed | `3` |" in text
    assert "- task `label`: it reads `{text}`, options `blue` `green` `red` `yellow`" in text
    assert not any(annotator["annotator_id"] in text.split() for annotator in report["annotators"])


def test_where_there_is_no_gold_no_accuracy_is_claimed(base):
    text = (two_task_run(base) / "README.md").read_text()
    assert "No gold labels were given, so no accuracy is known." in text
    assert ModelCard(text).data.eval_results is None
    assert "- task `which`: it reads `{task}: {text}`, options of each item's own" in text


def test_a_folder_is_named_without_its_place(tmp_path):
    run, _ = trained("bert", tmp_path)
    text = (run / "README.md").read_text()
    assert "from `a model`" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "`a`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("a\nb", "`a\\nb`")],
)
def test_nothing_gets_out_of_a_code_span(text, shown):
    assert code(text) == shown
