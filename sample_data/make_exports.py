"""Write crowd.json (Label Studio) and crowd.csv (MTurk) from crowd.parquet: the same crowd.

Both hold what real exports hold besides answers: crowd.json ten annotations that were cancelled,
crowd.csv ten that were rejected, and rows without the last two cells. realm leaves those out and
says how many.

    python sample_data/make_exports.py
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

HERE = Path(__file__).parent
N_VOID = 10
MTURK_COLUMNS = [
    "HITId", "AssignmentId", "WorkerId", "AssignmentStatus",
    "Input.item_id", "Input.text", "Input.options", "Input.gold", "Input.topic",
    "Answer.label", "Approve", "Reject",
]  # fmt: skip


def by_item(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The rows of each item, items in file order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["item_id"], []).append(row)
    return list(groups.values())


def label_studio(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A full JSON export: one task of Label Studio an item, one control named `label`."""
    annotators = sorted({row["annotator_id"] for row in rows})
    tasks = []
    for number, group in enumerate(by_item(rows), start=1):
        annotations = [
            {
                "completed_by": {
                    "id": annotators.index(row["annotator_id"]),
                    "email": row["annotator_id"],
                },
                "was_cancelled": False,
                "ground_truth": False,
                "result": [
                    {
                        "from_name": "label",
                        "to_name": "text",
                        "type": "choices",
                        "value": {"choices": [row["label"]]},
                    }
                ],
            }
            for row in group
        ]
        if number <= N_VOID:
            annotations.append({**annotations[0], "was_cancelled": True})
        for k, annotation in enumerate(annotations):
            annotation["id"] = 10 * number + k
        data = {name: group[0][name] for name in ("item_id", "text", "options", "gold", "topic")}
        tasks.append({"id": number, "data": data, "annotations": annotations, "predictions": []})
    return tasks


def mturk(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Batch results; a row that nobody reviewed lacks Approve and Reject, as in real ones."""
    lines = []
    for number, group in enumerate(by_item(rows), start=1):
        void = [{**group[0], "status": "Rejected"}] if number <= N_VOID else []
        for k, row in enumerate([*group, *void]):
            rejected = row["status"] == "Rejected"
            line = [
                f"HIT{number:05d}", f"ASSIGNMENT{number:05d}{k}", row["annotator_id"],
                "Rejected" if rejected else "Submitted",
                row["item_id"], row["text"], json.dumps(row["options"], ensure_ascii=False),
                row["gold"], row["topic"], row["label"],
            ]  # fmt: skip
            lines.append([*line, "", "too fast"] if rejected else line)
    return lines


def main() -> None:
    """Write both files."""
    rows = pq.read_table(HERE / "crowd.parquet").to_pylist()
    text = json.dumps(label_studio(rows), ensure_ascii=False, separators=(",", ":"))
    (HERE / "crowd.json").write_text(text + "\n", encoding="utf-8")
    with (HERE / "crowd.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([MTURK_COLUMNS, *mturk(rows)])


if __name__ == "__main__":
    main()
