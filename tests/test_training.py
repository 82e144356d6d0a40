"""Training: what a step computes, what a run leaves behind, and what it learns."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from harness import (
    COLOURS,
    QUICK,
    RUN_FILES,
    colour_rows,
    colour_run,
    contents,
    crowd_file,
    realm,
    train,
    two_task_rows,
    two_task_run,
    write_rows,
)
from safetensors.numpy import load_file
from scipy.stats import spearmanr
from transformers import TrainerCallback

from realm_cli import fitting
from realm_cli.aggregate.choice import bind
from realm_cli.annotations import build_table
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import (
    ABSENT,
    Collator,
    ItemDataset,
    LengthBatches,
    Split,
    answers_by_item,
    encode,
)
from realm_cli.choices import AnnotatorModel, Objective, Pooling
from realm_cli.config import TrainSettings
from realm_cli.errors import TrainingError
from realm_cli.labels import labels_of
from realm_cli.learners import learner
from realm_cli.loaders import load
from realm_cli.prompts import prompts
from realm_cli.runs import read_report
from realm_cli.training import arguments as training
from realm_cli.training import module
from realm_cli.training.fit import Job, fit
from realm_cli.training.module import RealmModule
from realm_cli.training.trainer import RealmTrainer
from realm_cli.unfinished import Stage


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return crowd_file(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return colour_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def two_tasks(tmp_path_factory):
    return two_task_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def table(source):
    return build_table(load([source]))[0]


def prepared(table, items=None):
    """A fresh tiny T5 and the first items of a table."""
    texts = prompts(table.items, ["{text}"])
    backbone = build_tiny_t5([*texts, *COLOURS], seed=0)
    encoded = encode(table.items, backbone, ["{text}"], 64)
    some = np.arange(len(table.items) if items is None else items)
    answers = answers_by_item(table)
    return backbone, ItemDataset(encoded.only(some), [answers[i] for i in some])


def module_for(table, backbone, settings=QUICK):
    return RealmModule(backbone, blank(table), settings, len(table))


def blank(table):
    """Annotators of whom nothing is known."""
    model = bind(AnnotatorModel.EXPERTISE, labels_of(table))
    return learner(model, model.start())


def test_a_run_is_exactly_these_files(run, two_tasks):
    assert set(contents(run)) == set(contents(two_tasks)) == RUN_FILES
    assert [path.name for path in run.parent.iterdir() if "tmp" in path.name] == []


def test_another_seed_is_another_model(source, run, tmp_path):
    other = contents(train(source, tmp_path / "run", QUICK.model_copy(update={"seed": 4})))
    first = contents(run)
    differing = {name for name in first if first[name] != other[name]}
    assert differing >= {
        "model.safetensors",
        "realm/expertise.safetensors",
        "realm/labels.parquet",
        "realm/run.json",
    }
    assert first["tokenizer.json"] == other["tokenizer.json"]
    assert first["realm/annotations.parquet"] == other["realm/annotations.parquet"]


def test_the_record_tells_how_to_repeat_the_run(run, source):
    record = json.loads((run / "realm" / "run.json").read_text())
    assert TrainSettings.model_validate(record["settings"]) == QUICK
    assert list(record["inputs"]) == [str(source)]
    assert record["tasks"] == [
        {"task": "label", "labels": sorted(COLOURS), "template": "{text}", "open": False}
    ]
    assert record["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize("model", [name for name in AnnotatorModel if name != "confusion"])
def test_tasks_can_be_pooled(model, tmp_path):
    source = write_rows(tmp_path / "crowd.jsonl", two_task_rows())
    changes = {"pooling": Pooling.FULL, "annotator_model": model, "epochs": 1}
    report = read_report(train(source, tmp_path / "run", QUICK.model_copy(update=changes)))
    assert len(report.tasks) == 2


def test_labels_are_a_posterior_over_the_items_own_options(run, two_tasks):
    for folder in (run, two_tasks):
        rows = pq.read_table(folder / "realm" / "labels.parquet").to_pylist()
        for row in rows:
            assert len(row["posterior"]) == len(row["options"])
            assert sum(row["posterior"]) == pytest.approx(1)
            assert row["probability"] == max(row["posterior"])
            assert row["label"] == row["options"][int(np.argmax(row["posterior"]))]


def test_several_tasks_are_named_to_the_model_and_make_a_matrix(two_tasks):
    record = json.loads((two_tasks / "realm" / "run.json").read_text())
    template = {"template": "{task}: {text}", "open": False}
    assert record["tasks"] == [
        {"task": "is it so", "labels": ["no", "yes"], **template},
        {"task": "which", "labels": None, **template},
    ]
    expertise = load_file(two_tasks / "realm" / "expertise.safetensors")["expertise"]
    assert expertise.shape == (5, 2)
    assert ((expertise > 0) & (expertise < 1)).all()
    assert not np.allclose(expertise[:, 0], expertise[:, 1])


def test_the_objective_of_the_paper_is_kept_in_the_report(run, two_tasks):
    assert read_report(two_tasks).estimate.objective == "independent"
    assert read_report(run).estimate.objective == "joint"


def test_the_model_card_has_counts_and_no_identities(run, table):
    words = (run / "README.md").read_text().split()
    assert "120 annotations of 40 items by 8 annotators" in " ".join(words)
    assert not any(annotator in words for annotator in table.annotators)


@pytest.mark.parametrize(
    ("objective", "given"), [(Objective.JOINT, True), (Objective.INDEPENDENT, False)]
)
def test_only_the_joint_objective_starts_from_the_labels(
    source, tmp_path, monkeypatch, objective, given
):
    class SeenError(Exception):
        pass

    def spy(_backbone, _items, annotators, *_, **__):
        raise SeenError(annotators.found().level)

    monkeypatch.setattr(fitting, "train", spy)
    settings = {"objective": objective, "annotator_model": AnnotatorModel.EXPERTISE}
    with pytest.raises(SeenError) as seen:
        train(source, tmp_path / "run", QUICK.model_copy(update=settings))
    (level,) = seen.value.args
    assert level.shape == (8,)
    if given:
        assert level[:4].min() > level[4:].max()
    else:
        assert (level == 0).all()


def test_warm_up_is_exactly_the_first_share_of_the_steps(table, monkeypatch, tmp_path):
    steps, without = [], []
    original = module.without_model

    def counting(*arguments):
        without.append(len(steps))
        return original(*arguments)

    monkeypatch.setattr(module, "without_model", counting)
    backbone, dataset = prepared(table)
    settings = QUICK.model_copy(update={"warm_up": 0.25, "batch_size": 10, "epochs": 3})
    job = Job(settings, Stage(tmp_path), watcher=steps.append)
    result = fit(backbone, dataset, blank(table), job)
    assert [step.step for step in steps] == list(range(1, 13))
    assert without == [0, 1, 2]
    assert steps[-1].n_steps == 12
    assert len(result.history) == 1


def test_without_warm_up_every_step_uses_the_model(table, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "without_model", None)
    backbone, dataset = prepared(table)
    settings = QUICK.model_copy(update={"warm_up": 0.0, "epochs": 1})
    result = fit(backbone, dataset, blank(table), Job(settings, Stage(tmp_path)))
    assert np.allclose(np.exp(result.log_p).sum(axis=1), 1)


def test_parameter_groups_each_with_its_own_rate_and_decay(table, tmp_path):
    backbone, dataset = prepared(table)
    settings = QUICK.model_copy(update={"learning_rate": 1e-3, "expertise_learning_rate": 7e-2})
    trainer = trainer_for(table, backbone, dataset, settings, tmp_path, weight_decay=0.01)
    matrices, norms, annotators = trainer.create_optimizer().param_groups
    module = trainer.model
    assert (matrices["lr"], matrices["weight_decay"]) == (1e-3, 0.01)
    assert (norms["lr"], norms["weight_decay"]) == (1e-3, 0.0)
    assert (annotators["lr"], annotators["weight_decay"]) == (7e-2, 0.0)
    assert {p.dim() for p in matrices["params"]} == {2}
    still = {
        n for n, p in backbone.model.named_parameters() if any(p is q for q in norms["params"])
    }
    assert still
    assert all("norm" in name or "bias" in name for name in still)
    assert {*matrices["params"], *norms["params"]} == set(backbone.model.parameters())
    assert set(annotators["params"]) == set(module.annotators.parameters())


def test_expertise_learns_at_a_multiple_of_the_models_rate_unless_told(table):
    backbone, _ = prepared(table)
    usual = training.learning_rate(QUICK, backbone)
    assert usual == backbone.preset.learning_rate
    multiple = training.EXPERTISE_SPEED * usual
    assert training.expertise_learning_rate(QUICK, backbone) == multiple
    set_ = QUICK.model_copy(update={"learning_rate": 1e-4})
    assert training.expertise_learning_rate(set_, backbone) == training.EXPERTISE_SPEED * 1e-4


class Gradients(TrainerCallback):
    """Keeps the gradients of each step."""

    def __init__(self):
        self.steps = []

    def on_pre_optimizer_step(self, _args, _state, _control, model, **_):
        self.steps.append(
            torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        )


def trainer_for(table, backbone, dataset, settings, folder, *, callbacks=(), **arguments):
    options = training.arguments(settings, backbone, folder)
    for name, value in arguments.items():
        setattr(options, name, value)
    return RealmTrainer(
        model=module_for(table, backbone, settings),
        args=options,
        train_dataset=dataset,
        data_collator=Collator(backbone),
        callbacks=list(callbacks),
        batches=LengthBatches(
            dataset, settings.batch_size, None, settings.seed, Split(settings.accumulate)
        ),
        expertise_learning_rate=training.expertise_learning_rate(settings, backbone),
    )


def gradient(table, folder, passes):
    backbone, dataset = prepared(table, items=12)
    seen = Gradients()
    settings = QUICK.model_copy(update={"batch_size": 12, "accumulate": passes, "epochs": 1})
    trainer = trainer_for(table, backbone, dataset, settings, folder, callbacks=[seen])
    trainer.train()
    (step,) = seen.steps
    return step


def test_the_gradient_does_not_depend_on_how_a_batch_is_split(tmp_path):
    """Items have one to four labels, so a mean over parts would weigh them wrongly."""
    rows = colour_rows(12, per_item=4)
    ragged = [row for n, row in enumerate(rows) if n % 4 <= (n // 4) % 4]
    table, _ = build_table(load([write_rows(tmp_path / "ragged.jsonl", ragged)]))
    assert set(table.labels_per_item.tolist()) == {1, 2, 3, 4}
    whole = gradient(table, tmp_path, 1)
    for passes in (2, 4, 5, 20):  # 5 does not divide 12; of 20, 8 have nothing to do
        split = gradient(table, tmp_path, passes)
        torch.testing.assert_close(split, whole, atol=1e-6, rtol=1e-4)


def test_the_loss_of_a_batch_is_the_mean_over_its_annotations(table):
    """Each item once and twice in a batch: the same loss, but for the prior spread over batches."""
    backbone, dataset = prepared(table)
    module = module_for(table, backbone)
    collate = Collator(backbone)
    once, twice = (collate([dataset[i] for i in range(4)] * times) for times in (1, 2))
    with torch.inference_mode():
        first, second = module(**once)["loss"], module(**twice)["loss"]
        told = module(num_items_in_batch=24, **once)["loss"]
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(told, first / 2)
    assert (once["labels"] != ABSENT).sum() == 12


@pytest.mark.parametrize("epochs", [2, 40])
def test_a_loss_that_is_no_number_ends_the_run_and_writes_nothing(source, tmp_path, epochs):
    settings = QUICK.model_copy(update={"learning_rate": 1e30, "epochs": epochs, "warm_up": 0.0})
    with pytest.raises(TrainingError) as failed:
        train(source, tmp_path / "run", settings)
    assert failed.value.exit_code == 4
    assert "--learning-rate" in failed.value.hint
    assert contents(tmp_path) == {}


def test_texts_that_were_cut_are_counted_and_warned_about(source, tmp_path):
    rows = colour_rows(20)
    for row in rows:
        if row["item_id"] in ("i0", "i1", "i2"):
            row["text"] *= 10
    crowd = write_rows(tmp_path / "long.jsonl", rows)
    settings = QUICK.model_copy(update={"max_length": 30, "epochs": 1})
    run = train(crowd, tmp_path / "run", settings)
    (warning,) = [w for w in read_report(run).warnings if w.code == "truncated"]
    assert warning.message.startswith("3 texts or options are longer than 30 tokens")
    assert json.loads((run / "realm" / "run.json").read_text())["n_truncated"] == 3


def test_the_watcher_hears_of_each_step(source, tmp_path):
    heard = []
    train(source, tmp_path / "run", QUICK, watcher=heard.append)
    assert [(step.step, step.n_steps) for step in heard] == [(n, 4) for n in range(1, 5)]


def test_nothing_but_the_runs_folder_is_written(source, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    train(source, tmp_path / "run", QUICK.model_copy(update={"epochs": 1}))
    assert {path.name for path in tmp_path.iterdir()} == {"here", "run"}
    assert contents(tmp_path / "here") == {}


@pytest.mark.slow
def test_experts_and_truth_are_found_among_guessers(tmp_path):
    rows = colour_rows(200, n_annotators=12, experts=6)
    run = train(
        write_rows(tmp_path / "crowd.jsonl", rows), tmp_path / "run", TrainSettings(model="tiny-t5")
    )
    report = read_report(run)
    expertise = {who.annotator_id: who.expertise for who in report.annotators}
    experts = [expertise[f"a{a}"] for a in range(6)]
    guessers = [expertise[f"a{a}"] for a in range(6, 12)]
    assert min(experts) > 0.7
    assert max(guessers) < 0.4
    accuracy = report.summary.accuracy_on_gold
    assert accuracy.model > accuracy.majority + 0.05
    assert accuracy.posterior > accuracy.majority + 0.05


@pytest.mark.slow
@pytest.mark.skipif("REALM_DATA" not in os.environ, reason="REALM_DATA names no real data")
def test_a_real_crowd_is_read_better_than_by_majority(tmp_path):
    source = Path(os.environ["REALM_DATA"]).resolve() / "crowd" / "snow_rte_temp.parquet"
    process = realm(
        "train", source, "--model", "tiny-t5", "--epochs", "12", "--seed", "0", "--out", "run",
        cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    labels = pq.read_table(tmp_path / "run" / "realm" / "labels.parquet").to_pandas()
    known = labels[labels["gold"].notna()]
    assert len(known) > 800
    assert (known["label"] == known["gold"]).mean() >= 0.92
    judged = [
        (who.competence, who.gold.accuracy)
        for who in read_report(tmp_path / "run").annotators
        if who.gold is not None and who.n_annotations >= 20
    ]
    assert len(judged) > 50
    assert spearmanr(judged).statistic >= 0.80
