"""Reports to look at and to keep as golden files: invented numbers, the same each time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from realm_cli.choices import Usage
from realm_cli.config import DecisionSettings, TrainSettings
from realm_cli.decisions import decide
from realm_cli.report.flags import Flag
from realm_cli.report.items import Labelled
from realm_cli.report.model import (
    Agreement,
    AnnotatorGold,
    AnnotatorReport,
    CalibrationBin,
    Coefficient,
    CompetenceReport,
    Estimate,
    Evidence,
    Exclusion,
    GoldAccuracy,
    GoldChange,
    InputFile,
    Interval,
    Kind,
    Place,
    Stretch,
    Summary,
    TaskAgreement,
    TaskCompetence,
    TaskReport,
    Tool,
    TrainingStep,
    Warning_,
)
from realm_cli.report.model_card import TrainedModel

WHEN = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    "[bold red]id[/bold red]",
    "\x1b[31mred\x1b[0m",
    "::error file=a.py::broken",
    "=1+1",
    "abc\u202edlrow\u202c",
    "x" * 200,
    "二" * 40,
    "a\nb\tc\u2028d\x9b31m",
    "\"'><img src=x onerror=alert(1)>",
    "##[error]{{ 7 * 7 }}",
)


def crowd(n_annotators: int = 40, n_tasks: int = 3) -> CompetenceReport:
    """A cross-fitted report with gold, flags and warnings; four options everywhere."""
    dice = random.Random(7)
    tasks = ("sentiment", "topic", "toxicity", *(f"task-{i:02d}" for i in range(4, 99)))[:n_tasks]
    people = tuple(_annotator(dice, i, tasks) for i in range(n_annotators))
    total = sum(one.n_annotations for one in people)
    return CompetenceReport(
        tool=Tool(name="realm", version="0.0.0"),
        created_at=WHEN,
        inputs=(
            _input("exports/batch-01.json", "label-studio", "a", total - 410, {"skipped": 12}),
            _input("exports/batch-02.csv", "mturk", "b", 433, {"rejected": 9, "empty": 2}),
        ),
        estimate=Estimate(
            kind=Kind.CROSS_FITTED,
            annotator_model="expertise",
            objective="joint",
            model="google/flan-t5-base",
            label_power=0.8,
        ),
        summary=Summary(
            n_items=1200,
            n_annotators=n_annotators,
            n_annotations=total,
            n_tasks=n_tasks,
            agreement=Agreement(n_pairs=3541, percent=0.6312),
            accuracy_on_gold=GoldAccuracy(n=300, model=0.91, posterior=0.94, majority=0.8767),
        ),
        annotators=people,
        tasks=tuple(_task(task, people) for task in tasks),
        warnings=(
            Warning_(
                code="duplicate-answer",
                message="17 annotators answered an item twice; the later answer counts",
                count=17,
                examples=(Place(file="exports/batch-01.json", line=4711),),
            ),
            Warning_(
                code="no-overlap",
                message="3 annotators share no item with anyone; their competence rests on "
                "the language model alone",
                count=3,
            ),
        ),
    )


def full(n_annotators: int = 40, n_tasks: int = 3) -> CompetenceReport:
    """The same with all that a report can hold: evidence, time, decisions, curves, calibration."""
    base = crowd(n_annotators, n_tasks)
    people = tuple(_observed(i, one) for i, one in enumerate(base.annotators))
    return base.model_copy(
        update={
            "annotators": people,
            "tasks": tuple(
                task.model_copy(update={"agreement": _agreement(0.7 - 0.1 * i)})
                for i, task in enumerate(base.tasks)
            ),
            "calibration": tuple(
                CalibrationBin(
                    low=b / 10,
                    high=(b + 1) / 10,
                    n=20 + 8 * (b - 3) ** 2,
                    confidence=b / 10 + 0.06,
                    accuracy=round(min(b / 10 + 0.06 - 0.02 * (9 - b), 1), 4),
                )
                for b in range(3, 10)
            ),
            "training": tuple(
                _step(stage, step)
                for stage in ("final", "fold 1", "fold 2")
                for step in range(0, 401, 20)
            ),
        }
    )


def _observed(i: int, one: AnnotatorReport) -> AnnotatorReport:
    evidence = Evidence(
        test="copied",
        task="topic",
        n=42,
        effect=0.31,
        p_value=0.0002,
        q_value=0.004,
        found=i % 8 == 3,
        words="gave the same wrong labels as somebody else on 13 of 42 shared items",
        others=("A000000000042",),
    )
    slope = (i % 5 - 2) * 0.04
    middle = min(max(one.competence, 0.2), 0.8)
    stretches = tuple(
        Stretch(
            start=WHEN + timedelta(days=7 * week),
            end=WHEN + timedelta(days=7 * week + 6),
            n=25,
            competence=round(middle + slope * (week - 2), 4),
            competence_interval=(
                round(max(middle + slope * (week - 2) - 0.12, 0), 4),
                round(min(middle + slope * (week - 2) + 0.1, 1), 4),
            ),
        )
        for week in range(5)
    )
    decision = {3: "exclude", 4: "review"}.get(i % 8)
    return one.model_copy(
        update={
            "evidence": (evidence,),
            "over_time": stretches if i % 3 else (),
            "decision": decision,
            "reasons": ("competence below 0.4",) if decision == "exclude" else (),
        }
    )


def _agreement(level: float) -> TaskAgreement:
    def near(value: float) -> Coefficient:
        value = round(value, 4)
        return Coefficient(value=value, low=round(value - 0.05, 4), high=round(value + 0.04, 4))

    return TaskAgreement(
        n_items=380,
        n_pairs=1140,
        scale="nominal",
        percent=near(level),
        alpha=near(level - 0.2),
        kappa=near(level - 0.21),
        ac1=near(level - 0.12),
    )


def _step(stage: str, step: int) -> TrainingStep:
    behind = {"final": 0.0, "fold 1": 0.12, "fold 2": 0.07}[stage]
    done = 1 - 0.985**step
    return TrainingStep(
        stage=stage,
        step=step,
        loss=round(4.2 - 2.9 * done + behind, 4),
        mean_expertise=round(0.5 + 0.17 * done - behind / 3, 4),
        dev=round(-1.39 + 0.5 * done - behind, 4) if step % 40 == 0 else None,
    )


def labelled(report: CompetenceReport, n_items: int = 60) -> Labelled:
    """Items and labels to go with a report; hostile ids make hostile labels and texts."""
    dice = random.Random(5)
    people = [one.annotator_id for one in report.annotators]
    tasks = [task.task for task in report.tasks]
    options = list(report.tasks[0].labels or ("negative", "neutral", "positive"))
    labels, annotations = [], []
    for i in range(n_items):
        name, task = f"item-{i:03d}", tasks[i % len(tasks)]
        said = [(who, dice.choice(options)) for who in dice.sample(people, min(4, len(people)))]
        weights = [1 + 3 * sum(label == option for _, label in said) for option in options]
        posterior = [round(weight / sum(weights), 4) for weight in weights]
        best = max(range(len(options)), key=posterior.__getitem__)
        labels.append(
            {"item_id": name, "task": task, "label": options[best],
             "probability": posterior[best], "posterior": posterior, "options": options,
             "n_annotations": len(said), "majority_label": options[best] if i % 3 else None,
             "gold": options[i % len(options)] if i % 4 == 0 else None}
        )  # fmt: skip
        text = people[i % len(people)] if i % 2 else f"The {i}. sentence that somebody had to judge"
        annotations += [
            {"item_id": name, "task": task, "annotator_id": who, "label": label, "text": text}
            for who, label in said
        ]
    return Labelled(pa.Table.from_pylist(labels), pa.Table.from_pylist(annotations))


def label_only() -> CompetenceReport:
    """One task, no language model, no gold, nothing to warn of; options differ by item."""
    people = tuple(_bare(f"w{i}", 0.35 + 0.06 * i, 20 + 3 * i) for i in range(10))
    return CompetenceReport(
        tool=Tool(name="realm", version="0.0.0"),
        created_at=WHEN,
        inputs=(_input("labels.parquet", "parquet", "c", 335, {}),),
        estimate=Estimate(kind=Kind.LABEL_ONLY, annotator_model="confusion", objective=None),
        summary=Summary(
            n_items=112,
            n_annotators=10,
            n_annotations=335,
            n_tasks=1,
            agreement=Agreement(n_pairs=334, percent=0.7395),
            accuracy_on_gold=None,
        ),
        annotators=people,
        tasks=(_task("label", people).model_copy(update={"labels": None}),),
    )


def decided() -> CompetenceReport:
    """The crowd with decisions, and with what they would do."""
    report = decide(crowd(), DecisionSettings(min_competence=0.6))
    found = Exclusion(
        n_annotators=3,
        n_annotations=161,
        n_items=1200,
        n_changed=37,
        n_unlabelled=2,
        expected_accuracy_before=0.912,
        expected_accuracy_after=0.921,
        gold=GoldChange(n=300, before=0.94, after=0.9433),
    )
    assert report.decisions is not None
    return report.model_copy(
        update={"decisions": report.decisions.model_copy(update={"exclusion": found})}
    )


def hostile() -> CompetenceReport:
    """Every text that people could have typed tries to break out."""
    people = tuple(
        _bare(text, 0.4 + 0.05 * i, 10, tasks=HOSTILE[:3]).model_copy(
            update={"flags": (text[:30],) if i % 2 else ()}
        )
        for i, text in enumerate(HOSTILE)
    )
    base = label_only()
    return base.model_copy(
        update={
            "annotators": people,
            "inputs": tuple(_input(text, text, "d", 1, {text: 1}) for text in HOSTILE),
            "tasks": tuple(
                _task(text, people).model_copy(update={"labels": HOSTILE}) for text in HOSTILE[:3]
            ),
            "warnings": tuple(
                Warning_(code=text, message=text, count=1, examples=(Place(file=text, line=1),))
                for text in HOSTILE
            ),
            "summary": base.summary.model_copy(update={"n_tasks": 3}),
        }
    )


def _annotator(dice: random.Random, i: int, tasks: tuple[str, ...]) -> AnnotatorReport:
    expertise = 0.04 if i % 8 == 3 else round(dice.uniform(0.3, 0.97), 4)
    counts = [dice.choice((0, 4, 9, 30, 55)) if i % 5 else 3 for _ in tasks]
    counts[0] += 2
    n = sum(counts)
    flags = [Flag.GUESSER] if expertise < 0.1 else []
    flags += [Flag.FEW_LABELS] if n < 15 else []
    flags += [Flag.BELOW_CHANCE, Flag.ONE_LABEL] if i == 11 else []
    return AnnotatorReport(
        annotator_id=f"A{dice.randrange(16**12):012X}" if i % 3 else f"person{i}@example.org",
        n_annotations=n,
        expertise=expertise,
        expertise_interval=_interval(expertise, n),
        competence=_competence(expertise),
        competence_interval=_competences(_interval(expertise, n)),
        gold=AnnotatorGold(n=n // 3, accuracy=round(_competence(expertise) * 0.98, 4))
        if n > 20
        else None,
        agreement_with_posterior=round(_competence(expertise) * 0.97, 4),
        flags=tuple(flags),
        by_task=tuple(
            _cell(task, min(max(expertise + dice.uniform(-0.2, 0.2), 0), 1), count)
            for task, count in zip(tasks, counts, strict=True)
            if count
        ),
    )


def _bare(
    name: str, expertise: float, n: int, tasks: tuple[str, ...] = ("label",)
) -> AnnotatorReport:
    """An annotator without gold, whose chance level is nobody's."""
    return AnnotatorReport(
        annotator_id=name,
        n_annotations=n,
        expertise=round(expertise, 4),
        expertise_interval=_interval(expertise, n),
        competence=_competence(expertise),
        competence_interval=_competences(_interval(expertise, n)),
        gold=None,
        agreement_with_posterior=round(_competence(expertise) * 0.97, 4),
        flags=(),
        by_task=tuple(_cell(task, expertise, n // len(tasks)) for task in tasks),
    )


def _cell(task: str, expertise: float, n: int) -> TaskCompetence:
    return TaskCompetence(
        task=task,
        n_annotations=n,
        expertise=round(expertise, 4),
        expertise_interval=_interval(expertise, n),
        competence=_competence(expertise),
        competence_interval=_competences(_interval(expertise, n)),
    )


def _task(task: str, people: tuple[AnnotatorReport, ...]) -> TaskReport:
    cells = [cell for one in people for cell in one.by_task if cell.task == task]
    return TaskReport(
        task=task,
        n_items=400,
        n_annotators=len(cells),
        n_annotations=sum(cell.n_annotations for cell in cells),
        labels=("negative", "neutral", "positive", "mixed"),
        mean_competence=round(sum(cell.competence for cell in cells) / max(len(cells), 1), 4),
    )


def _input(path: str, kind: str, digit: str, rows: int, dropped: dict[str, int]) -> InputFile:
    return InputFile(path=path, format=kind, sha256=digit * 64, rows=rows, dropped=dropped)


def _interval(expertise: float, n: int) -> Interval:
    half = 1.2 / (n + 4) ** 0.5
    return round(max(expertise - half, 0), 4), round(min(expertise + half, 1), 4)


def _competence(expertise: float) -> float:
    return round(expertise + (1 - expertise) / 4, 4)


def _competences(bounds: Interval) -> Interval:
    return _competence(bounds[0]), _competence(bounds[1])


def trained_model(report: CompetenceReport) -> TrainedModel:
    """A model for a report's card."""
    settings = TrainSettings(model="tiny-t5")
    return TrainedModel(Usage.SEQ2SEQ, "tiny-t5", None, ("{text}",) * len(report.tasks), settings)
