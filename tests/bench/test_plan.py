"""Plans: what they may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.bench.cells import cells
from realm_cli.bench.methods import LABELS_ALONE, METHODS
from realm_cli.bench.plan import Data, Method, Plan, read_plan
from realm_cli.errors import InputError, UsageError

ROOT = Path(__file__).parents[2]
SMALL = {
    "name": "small",
    "data": [{"name": "d", "files": ["x.jsonl"]}],
    "crowds": [{"name": "c"}],
    "models": [{"name": "tiny-t5"}],
    "methods": ["joint"],
}


def test_every_method_of_a_plan_can_be_run():
    assert {*METHODS, *LABELS_ALONE} == set(Method)
    assert not set(METHODS) & set(LABELS_ALONE)


@pytest.mark.parametrize("name", ["mini", "paper", "real", "tuned", "gpu"])
def test_the_plans_that_come_along_are_plans(name, monkeypatch):
    monkeypatch.setenv("QA", "/qa")
    monkeypatch.setenv("REALM_DATA", "/real")
    plan = read_plan(ROOT / "plans" / f"{name}.toml")
    assert plan.name == name
    assert len(list(cells(plan))) > len(plan.methods)


def test_cells_are_all_combinations():
    told = {**SMALL, "seeds": [0, 1], "methods": ["joint", "naive", "oracle"]}
    told["data"] = [
        {"name": "folded", "files": ["x"], "folds": 3},
        {"name": "people", "kind": "annotations", "files": ["y"]},
    ]
    told["crowds"] = [{"name": "one"}, {"name": "two"}]
    found = list(cells(Plan.model_validate(told)))
    # 3 folds x 2 crowds x 2 seeds x 3 methods, and 2 seeds x 3 methods of the one real crowd
    assert len(found) == 36 + 6
    assert {cell.place[1] for cell in found if cell.data.name == "people"} == {"people"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"methods": ["jiont"]}, "methods"),
        ({"speed": 3}, "Extra inputs"),
        ({"methods": ["joint", "joint"]}, "two entries stand for the method joint"),
        ({"compare": [["joint", "naive"]]}, "`compare` names naive"),
        ({"crowds": []}, "need `crowds`"),
        ({"models": [{"name": "google/flan-t5-small", "d_model": 32}]}, "d_model is for tiny-t5"),
        ({"models": [{"name": "tiny-t5", "d_model": 40}]}, "multiple of 16"),
        ({"data": [{"name": "d"}]}, "every other kind needs `files`"),
        ({"data": [{"name": "d", "kind": "together", "of": ["e"]}]}, "`of` names e"),
        ({"data": [{"name": "d", "kind": "piqa", "files": ["a"]}]}, "a file of labels"),
        ({"data": [{"name": "d", "files": ["a"], "folds": 2, "split": "s"}]}, "`folds` excludes"),
    ],
)  # fmt: skip
def test_what_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        Plan.model_validate({**SMALL, **change})


def test_a_method_may_be_had_twice_under_two_names():
    entries = [{"method": "naive", "name": f"naive {n}", "epochs": n} for n in (4, 8)]
    plan = Plan.model_validate({**SMALL, "methods": entries, "compare": [["naive 4", "naive 8"]]})
    assert [entry.epochs for entry in plan.methods] == [4, 8]


def write(folder, text):
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


PLAN = """
name = "p"
methods = ["joint"]
data = [{name = "d", files = ["$QUESTIONS/x.jsonl", "near.jsonl"]}]
crowds = [{name = "c"}]
models = [{name = "tiny-t5"}]
"""


def test_paths_begin_at_the_plan_and_name_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("QUESTIONS", "/questions")
    files = read_plan(write(tmp_path, PLAN)).data[0].files
    assert files == (Path("/questions/x.jsonl"), tmp_path / "near.jsonl")


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("QUESTIONS", raising=False)
    with pytest.raises(UsageError, match="QUESTIONS is not set") as refused:
        read_plan(write(tmp_path, PLAN))
    assert refused.value.hint == "export QUESTIONS=FOLDER"


def test_what_is_no_plan_is_refused_with_its_place(tmp_path):
    with pytest.raises(UsageError, match=r"plan.toml: methods.0.method: Input should be"):
        read_plan(write(tmp_path, PLAN.replace('"joint"', '"jiont"')))
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(write(tmp_path, "name = "))
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


@given(st.text(min_size=1).filter(lambda text: text not in {"items", "annotations"}))
def test_a_kind_of_data_is_one_of_those_there_are(kind):
    known = {"arc", "openbookqa", "riddlesense", "piqa", "pubmedqa", "together"}
    if kind not in known:
        with pytest.raises(ValueError, match="kind"):
            Data.model_validate({"name": "d", "kind": kind, "files": ["x"]})


def test_crowds_models_and_methods_can_be_for_some_places_only():
    plan = Plan.model_validate({
        **SMALL,
        "data": [{"name": "d", "files": ["x.jsonl"]}, {"name": "e", "files": ["y.jsonl"]}],
        "crowds": [{"name": "c"}, {"name": "f", "only": ["e"]}],
        "models": [{"name": "tiny-t5"}, {"name": "big", "only": ["d"]}],
        "methods": [
            {"method": "naive", "epochs": 2, "only": ["f"]}, {"method": "naive", "only": ["c"]},
        ],
    })  # fmt: skip
    found = [(*cell.place[:4], cell.entry.epochs) for cell in cells(plan)]
    assert found == [
        ("d", "c", "tiny-t5", "naive", None), ("d", "c", "big", "naive", None),
        ("e", "c", "tiny-t5", "naive", None), ("e", "f", "tiny-t5", "naive", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ["naive", {"method": "naive", "only": ["c"]}]}, "stand for the method naive"),
        ({"methods": [{"method": "naive", "only": ["x"]}]}, "`only` names x"),
        ({"models": [{"name": "tiny-t5", "frozen": True}]}, "frozen"),
    ],
)
def test_what_no_plan_may_say(changes, words):
    with pytest.raises(ValueError, match=words):
        Plan.model_validate({**SMALL, **changes})
