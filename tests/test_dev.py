"""Items kept out of training: what is measured on them, which checkpoint is kept, who is judged."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from harness import COLOURS, QUICK, colour_rows, train, write_rows
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from realm_cli import fitting, pipeline
from realm_cli.aggregate.choice import bind
from realm_cli.annotations import build_table
from realm_cli.backbones.tiny import build_tiny_t5
from realm_cli.batching import ItemDataset, answers_by_item, encode, prompts
from realm_cli.choices import AnnotatorModel, Objective, Tracker
from realm_cli.errors import InputError, StoppedError
from realm_cli.labels import labels_of
from realm_cli.learners import learner
from realm_cli.loaders import load
from realm_cli.runs import read_report
from realm_cli.training.fit import Job, fit
from realm_cli.unfinished import Saving, Stage, Stop

DEV_ITEMS = 10
SETTINGS = QUICK.model_copy(
    update={"epochs": 20, "batch_size": 10, "warm_up": 0.2, "learning_rate": 1e-2, "dev": 0.25}
)
"""Four steps an epoch, in which the model soon learns labels by heart."""


def fitted(tmp_path, settings, **more):
    """A training on all items but the first ten, which choose the checkpoint and are predicted.

    Everybody knows the colours, but no text tells them.
    """
    rows = [{**row, "text": f"thing {row['item_id']}"} for row in colour_rows(50, experts=8)]
    source = write_rows(tmp_path / "crowd.jsonl", rows)
    table, _ = build_table(load([source]))
    backbone = build_tiny_t5([*prompts(table.items, ["{text}"]), *COLOURS], seed=0)
    encoded = encode(table.items, backbone, ["{text}"], 64)
    answers = answers_by_item(table)
    dev, rest = np.arange(DEV_ITEMS), np.arange(DEV_ITEMS, len(answers))
    model = bind(AnnotatorModel.EXPERTISE, labels_of(table))
    parts = [ItemDataset(encoded.only(some), [answers[i] for i in some]) for some in (dev, rest)]
    job = Job(settings, Stage(tmp_path), predict=encoded.only(dev), dev=parts[0], **more)
    return model, fit(backbone, parts[1], learner(model, model.start()), job)


@pytest.mark.parametrize("objective", list(Objective))
def test_the_best_checkpoint_is_kept_and_what_it_is_chosen_by_is_the_objective(tmp_path, objective):
    """Worked out again in numpy, from what the fit gives back: the weights of that moment."""
    settings = SETTINGS.model_copy(update={"objective": objective})
    model, result = fitted(tmp_path, settings)
    dev = [(step.step, step.dev) for step in result.history if step.dev is not None]
    best = max(dev, key=lambda one: one[1])
    assert best[0] < dev[-1][0]
    answers = model.mean_answers(result.parameters)
    by_label = answers.log_answers(model.labels.group, model.labels.label)
    total, n = 0.0, 0
    for i in range(DEV_ITEMS):
        mine = by_label[model.labels.item == i]
        n += len(mine)
        if objective is Objective.JOINT:
            total += np.logaddexp.reduce(result.log_p[i] + mine.sum(axis=0))
        else:
            total += np.logaddexp.reduce(result.log_p[i] + mine, axis=1).sum()
    assert n == 3 * DEV_ITEMS
    assert total / n == pytest.approx(best[1], abs=1e-4)


def test_it_is_evaluated_once_an_epoch_after_the_warm_up(tmp_path):
    heard = []
    settings = SETTINGS.model_copy(update={"epochs": 5})
    _, result = fitted(tmp_path, settings, watcher=heard.append)
    assert [step.step for step in result.history if step.dev is not None] == [4, 8, 12, 16, 20]
    assert [step.dev for step in heard[:4]] == [None] * 4
    assert heard[4].dev == result.history[0].dev
    settings = settings.model_copy(update={"warm_up": 0.5, "evaluate_every": 3})
    (tmp_path / "again").mkdir()
    _, result = fitted(tmp_path / "again", settings)
    assert [step.step for step in result.history if step.dev is not None] == [12, 15, 18, 20]


def test_patience_ends_it(tmp_path):
    _, result = fitted(tmp_path, SETTINGS.model_copy(update={"patience": 2}))
    dev = [step.dev for step in result.history if step.dev is not None]
    assert len(dev) < 16
    assert int(np.argmax(dev)) == len(dev) - 3


def test_an_evaluated_step_is_saved_when_it_is_time_to_best_or_not(tmp_path):
    """But not the one at which patience ends training."""
    saving = Saving(steps=1)
    settings = SETTINGS.model_copy(update={"patience": 2, "evaluate_every": 1})
    _, result = fitted(tmp_path, settings, saving=saving)
    last = result.history[-1].step
    saved = {int(path.name.split("-")[1]) for path in tmp_path.glob("checkpoint-*")}
    best = max((step for step in result.history if step.dev is not None), key=lambda one: one.dev)
    assert best.step == last - 2
    assert saved == {last - 2, last - 1}
    stopped = Stop(asked=True)
    (tmp_path / "again").mkdir()
    with pytest.raises(StoppedError, match="stopped after step 1 of"):
        fitted(tmp_path / "again", settings.model_copy(update={"warm_up": 0}), stop=stopped)


class Seen:
    """Which items each training was given, in the place of training."""

    def __init__(self, monkeypatch):
        self.parts, self.levels = [], []
        self.original = fitting.train
        monkeypatch.setattr(fitting, "train", self)

    def __call__(self, backbone, items, annotators, job):
        texts = {tuple(ids): i for i, ids in enumerate(job.predict.inputs)}
        both = [
            set() if part is None else {texts[tuple(ids)] for ids in part.encoded.inputs}
            for part in (items, job.dev)
        ]
        self.parts.append((job.name, *both))
        self.levels.append(annotators.found())
        return self.original(backbone, items, annotators, job)


def test_a_share_is_kept_out_and_judged_all_the_same(tmp_path, monkeypatch):
    seen = Seen(monkeypatch)
    crowd = write_rows(tmp_path / "crowd.jsonl", colour_rows(40))
    run = train(crowd, tmp_path / "run", QUICK.model_copy(update={"dev": 0.25}))
    ((name, trained, dev),) = seen.parts
    assert name == "final"
    assert len(dev) == 10
    assert trained == set(range(40)) - dev
    report = read_report(run)
    assert report.summary.n_items == 40
    assert sum(one.n_annotations for one in report.annotators) == 120
    assert [step.step for step in report.training if step.dev is not None] == [1, 2]
    lines = [json.loads(line) for line in (run / "realm/metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["dev"]) for line in lines] == [
        (step.step, step.dev) for step in report.training
    ]


def test_folds_choose_by_the_dev_items_outside_of_them(tmp_path, monkeypatch):
    seen = Seen(monkeypatch)
    told = []
    crowd = write_rows(tmp_path / "crowd.jsonl", colour_rows(40, per_item=1))
    settings = QUICK.model_copy(update={"dev": 0.25, "cross_fit": 2, "epochs": 1})
    run = train(crowd, tmp_path / "run", settings, told=told.append)
    names = ["fold 1", "fold 2", "fold 3", "fold 4", "final"]
    assert [name for name, *_ in seen.parts] == names
    (_, *first), (_, *second), (_, *third), (_, *fourth), (_, trained, dev) = seen.parts
    assert [third, fourth] == [first, second]
    assert len(dev) == 10
    assert trained == set(range(40)) - dev
    assert first[0] | second[0] == trained
    assert first[1] | second[1] == dev
    assert not first[0] & second[0]
    assert not first[1] & second[1]
    assert "training the final model on all but the dev items" in told
    stages = [step.stage for step in read_report(run).training]
    assert list(dict.fromkeys(stages)) == names


def further_rows():
    """Items and one annotator whom the crowd does not have."""
    rows = [
        {**row, "item_id": f"new {row['item_id']}", "text": f"some {row['text']}"}
        for row in colour_rows(12, seed=5)
    ]
    once = {row["item_id"]: row for row in rows}.values()
    return [*rows, *({**row, "annotator_id": "stranger", "label": row["gold"]} for row in once)]


def test_a_file_of_further_items(tmp_path, monkeypatch):
    """A stranger who labelled only these starts where nothing is known, and is reported on."""
    seen = Seen(monkeypatch)
    crowd = write_rows(tmp_path / "crowd.jsonl", colour_rows(40))
    dev = write_rows(tmp_path / "dev.jsonl", further_rows())
    settings = QUICK.model_copy(
        update={"dev": dev, "epochs": 1, "annotator_model": AnnotatorModel.EXPERTISE}
    )
    run = train(crowd, tmp_path / "run", settings)
    ((_, trained, kept_out),) = seen.parts
    assert (trained, kept_out) == (set(range(40)), set(range(40, 52)))
    names = pq.read_table(run / "realm" / "annotations.parquet")["annotator_id"].to_pylist()
    place = sorted(set(names)).index("stranger")
    assert seen.levels[0].level[place] == pytest.approx(0, abs=1e-6)
    (stranger,) = [one for one in read_report(run).annotators if one.annotator_id == "stranger"]
    assert stranger.n_annotations == 12
    assert stranger.expertise > 0.6
    record = json.loads((run / "realm" / "run.json").read_text())
    assert list(record["inputs"]) == [str(crowd), str(dev)]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"item_id": "i3"}, "dev-item-trained-on"), ({"task": "another"}, "dev-task-unknown")],
)
def test_what_a_dev_file_may_not_hold(tmp_path, change, code):
    rows = colour_rows(40)
    crowd = write_rows(tmp_path / "crowd.jsonl", [{**row, "task": "colour"} for row in rows])
    odd = {**rows[9], "item_id": "new", "text": rows[9]["text"], "task": "colour", **change}
    assert rows[9]["item_id"] == "i3"
    usual = [{**row, "task": "colour"} for row in further_rows()]
    dev = write_rows(tmp_path / "dev.jsonl", [*usual, {**odd, "annotator_id": "someone"}])
    with pytest.raises(InputError) as refused:
        train(crowd, tmp_path / "run", QUICK.model_copy(update={"dev": dev}))
    assert code in [issue.code for issue in refused.value.issues]
    assert not (tmp_path / "run").exists()


def test_a_share_of_everything_is_refused(tmp_path):
    crowd = write_rows(tmp_path / "crowd.jsonl", colour_rows(8))
    with pytest.raises(InputError, match="keeps every item out"):
        train(crowd, tmp_path / "run", QUICK.model_copy(update={"dev": 0.99}))


class Recorder(TrainerCallback):
    """A tracker that keeps whatever it is told."""

    told: list[str] = []  # noqa: RUF012 - the Trainer makes its own of the class

    def on_train_begin(self, args, state, control, **_):
        assert args.report_to == ["wandb"]
        self.told.append(args.to_json_string())

    def on_log(self, args, state, control, logs=None, **_):
        self.told.append(json.dumps(logs))


def test_a_tracker_hears_of_the_final_training_and_of_no_annotator(tmp_path, monkeypatch):
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "wandb", Recorder)
    monkeypatch.setattr(Recorder, "told", [])
    rows = [
        {**row, "annotator_id": f"ann-{row['annotator_id']}"} for row in colour_rows(40, per_item=1)
    ]
    crowd = write_rows(tmp_path / "crowd.jsonl", rows)
    settings = QUICK.model_copy(update={"dev": 0.25, "cross_fit": 2, "epochs": 10})
    pipeline.train(
        pipeline.Source((crowd,)), settings, tmp_path / "run",
        watch=pipeline.Watch(trackers=(Tracker.WANDB,)),
    )  # fmt: skip
    arguments, *logs = Recorder.told
    assert json.loads(arguments)["seed"] == settings.seed
    assert any("mean_expertise" in log for log in logs)
    assert any("eval_dev" in log for log in logs)
    assert len([log for log in logs if "train_loss" in log]) == 1
    assert "ann-" not in "".join(Recorder.told)
