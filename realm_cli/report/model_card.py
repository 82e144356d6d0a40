"""README.md of a checkpoint: what the model was trained on, in counts and without identities."""

from __future__ import annotations

from pathlib import Path

from realm_cli.report.model import CompetenceReport, GoldAccuracy, TrainingStep
from realm_cli.report.reading import counted
from realm_cli.report.training import best_step


def model_card(report: CompetenceReport) -> str:
    """The card of the model that a training run made.

    Args:
        report: Of that run; names of annotators are not read.
    """
    summary, estimate = report.summary, report.estimate
    # A folder's path says more about somebody's machine than about the model.
    base = (
        Path(estimate.model or "").name if Path(estimate.model or "").is_dir() else estimate.model
    )
    return f"""---
library_name: transformers
tags: [realm, learning-from-crowds]
---
# A model trained on labels from people who differ in expertise

Trained with realm {report.tool.version} from `{base}` on
{counted(summary.n_annotations, "annotation")} of {counted(summary.n_items, "item")} by
{counted(summary.n_annotators, "annotator")} ({counted(summary.n_tasks, "task")}), with the
`{estimate.annotator_model}` annotator model and the `{estimate.objective}` objective.

{_measured(summary.accuracy_on_gold)}{_chosen(best_step(report))}

```python
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

model = AutoModelForSeq2SeqLM.from_pretrained("PATH_OF_THIS_FOLDER")
tokenizer = AutoTokenizer.from_pretrained("PATH_OF_THIS_FOLDER")
```
"""


def _measured(gold: GoldAccuracy | None) -> str:
    if gold is None or gold.model is None:
        return "No gold labels were given, so no accuracy is known."
    return (
        f"Accuracy on the {gold.n:,} items with gold: model {gold.model:.3f}, posterior "
        f"labels {gold.posterior:.3f}, majority vote {gold.majority:.3f}."
    )


def _chosen(best: TrainingStep | None) -> str:
    if best is None:
        return ""
    return (
        f"\n\nOf the checkpoints of its training this is the one after step {best.step:,}: it "
        "gives the annotations of items that were kept out of training the highest "
        f"log-likelihood, {best.dev:.3f} nats each."
    )
