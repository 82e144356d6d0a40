"""README.md of a checkpoint: what the model was trained on, in counts and without identities."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from realm_cli.choices import TINY_T5, Usage
from realm_cli.config import TrainSettings
from realm_cli.prompts import BETWEEN_OPTIONS
from realm_cli.report import reading
from realm_cli.report.model import CompetenceReport, GoldAccuracy
from realm_cli.report.training import best_step

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

PIPELINE_TAGS = {
    Usage.SEQ2SEQ: "text-generation",
    Usage.CAUSAL: "text-generation",
    Usage.LABELS: "text-classification",
    Usage.PAIRS: "text-classification",
}
SETTINGS = (
    "seed", "epochs", "batch_size", "tokens_per_batch", "learning_rate", "expertise_learning_rate",
    "form_weight", "warm_up", "max_length", "cross_fit", "pooling", "use_gold",
)  # fmt: skip
"""Settings that the card shows, where they were not left to what fits the model."""
TITLE = "Fine-tuned on labels from people who differ in expertise"
MOST_LABELS = 20
"""Labels of a task that the card lists."""


@dataclass(frozen=True)
class TrainedModel:
    """The model of a run.

    Attributes:
        usage: How it scores options.
        base: What it was before.
        commit: The commit of that on the hub; None where it came from elsewhere.
        templates: What it reads of an item, by task.
        settings: How it was trained.
    """

    usage: Usage
    base: str
    commit: str | None
    templates: tuple[str, ...]
    settings: TrainSettings


def model_card(report: CompetenceReport, model: TrainedModel) -> str:
    """The card of the model that a training run made.

    Args:
        report: Of that run; names of annotators are not read.
        model: Its model.
    """
    pages = _environment()
    template = pages.get_template("model_card.md.j2")
    return template.render(
        header=_header(report, model),
        title=TITLE,
        report=report,
        model=model,
        tiny=model.base == TINY_T5,
        settings=_settings(model.settings),
        kind_words=reading.KIND_WORDS[report.estimate.kind],
        most_labels=MOST_LABELS,
        snippet=pages.get_template(f"use_{model.usage}.py.j2").render(
            example=_example(report, model)
        ),
        agreement=reading.agreement_words(report),
        best=best_step(report),
    )


@functools.cache
def _environment() -> Environment:
    # Markdown, not HTML: what people typed is put into code spans by `code`.
    found = Environment(  # noqa: S701
        loader=PackageLoader("realm_cli.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(counted=reading.counted, code=code, percent=reading.percent)
    return found


def code(text: str) -> str:
    """A code span that nothing in the text can end."""
    plain = reading.visible(text)
    fence = "`" * (1 + max((len(run) for run in _ticks(plain)), default=0))
    space = " " if "`" in plain else ""
    return f"{fence}{space}{plain}{space}{fence}"


def _ticks(text: str) -> list[str]:
    return "".join(char if char == "`" else " " for char in text).split()


def _example(report: CompetenceReport, model: TrainedModel) -> str:
    """What the model reads of an item of the first task, as Python writes it."""
    options = BETWEEN_OPTIONS.join(["one option", "another option"])
    task = report.tasks[0].task
    return repr(model.templates[0].format(text="the item's text", options=options, task=task))


def _header(report: CompetenceReport, model: TrainedModel) -> str:
    """YAML for the hub; what is not known is left out, a licence above all."""
    from huggingface_hub import ModelCardData

    results = _accuracy(report.summary.accuracy_on_gold)
    return ModelCardData(
        base_model=model.base if model.commit is not None else None,
        library_name="transformers",
        pipeline_tag=PIPELINE_TAGS[model.usage],
        tags=["realm", "learning-from-crowds"],
        eval_results=results or None,
        # The hub wants a name with every result.
        model_name="model" if results else None,
    ).to_yaml(line_break="\n")


def _accuracy(gold: GoldAccuracy | None) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    if gold is None or gold.model is None:
        return []
    return [
        EvalResult(
            task_type="text-classification",
            dataset_type="annotations",
            dataset_name=f"{gold.n} items with gold",
            metric_type="accuracy",
            metric_value=round(gold.model, 4),
        )
    ]


def _settings(settings: TrainSettings) -> dict[str, object]:
    values = settings.model_dump(mode="json")
    return {name: values[name] for name in SETTINGS if values[name] is not None}
