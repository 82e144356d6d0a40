"""plans/paper.toml as somebody with a network and a GPU runs it, on what there is here.

The models come from a hub of the tests' own under the names that the plan gives, T5 of Flan-T5's
form; each set is a folder of its published files, fifty questions in all. What the plan says is
run as it stands but for one crowd, one seed and one pass.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from backbones.checkpoints import write_checkpoint
from harness import realm
from hub_server import serving

from realm_cli.bench.results import Results

PLAN = Path(__file__).parents[2] / "plans" / "paper.toml"
THINGS = ("ice", "salt", "wood", "glass")
TOGETHER = "ARC + OpenBookQA + RiddleSense"
SIZES = ("small", "base", "large")


def choices(n: int) -> str:
    """A question in the form of ARC, OpenBookQA and RiddleSense."""
    options = [{"label": "ABCD"[k], "text": thing} for k, thing in enumerate(THINGS)]
    stem = f"Which of these is thing number {n % 4}?"
    record = {"id": f"q{n}", "question": {"stem": stem, "choices": options}}
    return json.dumps({**record, "answerKey": "ABCD"[n % 4]})


def put(folder: Path, name: str, lines: list[str]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_questions(folder: Path) -> None:
    """Every file that the plan names, ten questions a set, with others to test on."""
    for name in ("Challenge", "Easy"):
        start = 100 if name == "Easy" else 0
        for part, first in (("Train", start), ("Test", start + 10)):
            put(
                folder, f"ARC-V1-Feb2018-2/ARC-{name}/ARC-{name}-{part}.jsonl",
                [choices(n) for n in range(first, first + 5)],
            )  # fmt: skip
    for name in ("train", "test"):
        first = 0 if name == "train" else 10
        book = f"OpenBookQA-V1-Sep2018/Data/Main/{name}.jsonl"
        put(folder, book, [choices(n) for n in range(first, first + 10)])
        riddle = f"riddlesense/rs_{name.replace('test', 'dev')}.jsonl"
        put(folder, riddle, [choices(n) for n in range(first, first + 10)])
        solved = f"physicaliqa-train-dev/{name.replace('test', 'dev')}"
        goals = [
            {"id": f"p{n}", "goal": f"use number {n}", "sol1": "take ice", "sol2": "take salt"}
            for n in range(first, first + 10)
        ]
        put(folder, f"{solved}.jsonl", [json.dumps(goal) for goal in goals])
        put(folder, f"{solved}-labels.lst", [str(n % 2) for n in range(first, first + 10)])
    abstracts = {
        str(n): {"QUESTION": f"Does number {n} help?", "CONTEXTS": ["Ten people took ice."],
                 "final_decision": ("yes", "no", "maybe")[n % 3]}
        for n in range(20)
    }  # fmt: skip
    put(folder, "pubmedqa/ori_pqal.json", [json.dumps(abstracts)])


def shortened(plan: str) -> str:
    """The plan with one seed, one crowd, and one pass over the items."""
    head, _, crowds = plan.partition("[[crowds]]")
    crowd, _, rest = crowds.partition("[[crowds]]")
    _, _, models = rest.partition("[[models]]")
    head = re.sub(r"seeds = .*", "seeds = [0]", head)
    head = re.sub(r"^.*half always wrong.*$|^.*signed.*$", "", head, flags=re.M)
    head = head.replace("[training]", "[training]\nepochs = 1")
    return f"{head}[[crowds]]{crowd}[[models]]{models}"


@pytest.mark.slow
def test_the_plan_of_the_paper_runs_from_hub_to_tables(tmp_path):
    write_questions(tmp_path / "qa")
    plan = tmp_path / "paper.toml"
    plan.write_text(shortened(PLAN.read_text("utf-8")), "utf-8")
    words = [*THINGS, "Which of these is thing number ? Options: use take Does help yes no maybe"]
    with serving() as hub:
        for size in SIZES:
            folder = write_checkpoint("t5", tmp_path / size, [*words, *map(str, range(120))])
            hub.add(f"google/flan-t5-{size}", folder)
        told = realm(
            "bench", plan, "--out", tmp_path / "out", "--json", "--jobs", "2", cwd=tmp_path,
            env={**os.environ, **hub.env(tmp_path / "hub"), "QA": str(tmp_path / "qa")},
            timeout=900,
        )  # fmt: skip
    assert told.returncode == 0, told.stderr
    found = Results.model_validate_json(told.stdout)
    assert {row.model for row in found.rows} == {f"flan-t5-{size}" for size in SIZES}
    assert {row.data for row in found.rows} == {
        "ARC", "OpenBookQA", "PIQA", "RiddleSense", "PubMedQA", TOGETHER,
    }  # fmt: skip
    assert len(found.rows) == 3 * (6 * 8 + 1)
    assert {one.first for one in found.comparisons} == {"realm-paper", "joint", "joint-cross-fit"}
    together = [row for row in found.rows if row.data == TOGETHER and row.method == "joint"]
    assert all("expertise_error" in row.averages for row in together)
