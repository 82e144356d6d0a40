"""What happens to rows once they are read: models, spellings, personal columns."""

from __future__ import annotations

import pytest

from realm_cli.annotations import build_table
from realm_cli.config import Reading
from realm_cli.loaders import load
from realm_cli.loaders.models import looks_like_model
from realm_cli.loaders.policy import folded_label, is_personal

MODELS = [
    "gpt-4o", "gpt-4", "gpt-3.5-turbo", "GPT-4o-2024-08-06", "claude-3-opus", "claude-3.5-sonnet",
    "gemini-1.5-pro", "llama-3-8b", "meta-llama/Llama-3.1-70B-Instruct", "mistral-7b-instruct",
    "mixtral-8x7b", "qwen2.5-72b", "deepseek-v3", "command-r-plus", "text-davinci-003", "o1-mini",
    "vicuna-13b", "model:v2",
]  # fmt: skip
PEOPLE = [
    "claude", "gemini", "claude.monet@example.com", "phi1", "A1B2C3", "o1", "mistral", "llama",
    "worker_31", "0", "gemma", "falcon", "Qadir", "command", "a-3f9c0", "palmer-3", "opus",
]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_models_are_told_by_their_names(name):
    assert looks_like_model(name)


@pytest.mark.parametrize("name", PEOPLE)
def test_people_are_no_models(name):
    assert not looks_like_model(name)


def test_llm_judges_are_kept_out_unless_asked_for(write):
    path = write("item,worker,label\n1,ann,x\n1,gpt-4o,y\n2,gpt-4o,y\n2,bob,x\n")
    (file,) = load([path])
    assert file.table["status"].to_pylist() == ["ok", "model", "model", "ok"]
    assert file.dropped == {"model": 2}
    (issue,) = file.issues
    assert issue.message == "2 answers come from models ('gpt-4o') and do not count"
    (file,) = load([path], Reading(include_models=True))
    assert file.table["status"].to_pylist() == ["ok"] * 4
    assert file.table["origin"].to_pylist() == [None, "model", "model", None]
    assert (file.dropped, file.issues) == ({}, ())


def test_spellings_become_one_where_asked_for(write):
    path = write(
        "item,worker,label,gold\n1,a,yes,Yes\n1,b,YES,\n1,c,yes,\n2,a,n o,\n2,b,N\u200bO,\n"
    )
    table, _ = build_table(load([path]))
    assert len(table.items.options(0)) == 5
    files = load([path], Reading(normalize_labels=True))
    assert files[0].table["label"].to_pylist() == ["yes", "yes", "yes", "n o", "N\u200bO"]
    assert files[0].table["gold"].to_pylist() == ["yes", None, None, None, None]


def test_what_does_not_count_in_a_label():
    assert folded_label(" YES ") == folded_label("yes") == folded_label("y\u200bes")
    assert folded_label("cafe\u0301") == folded_label("CAFÉ")
    assert folded_label("no") != folded_label("on")


def test_options_are_spelled_like_the_labels(write):
    header = "item,worker,label,options\n"
    path = write(header + "1,a,Yes,Yes|No\n1,b,No,Yes|No\n2,a,yes,yes|no\n2,c,Yes,Yes|No\n")
    files = load([path], Reading(normalize_labels=True))
    assert len(build_table(files)[0].items.option_sets) == 1


@pytest.mark.parametrize(
    "name", ["ip", "_ip", "E-Mail", "worker_email", "City", "rater_gender", "lastName", "_country"]
)
def test_personal_columns_are_told_by_their_names(name):
    assert is_personal(name)


@pytest.mark.parametrize("name", ["text", "topic", "country", "shipping", "zipf", "name", "rate"])
def test_other_columns_are_not_personal(name):
    assert not is_personal(name)


def test_personal_columns_are_left_out_with_a_note(write):
    path = write("item,worker,label,ip,topic\n1,a,x,192.0.2.1,art\n")
    (file,) = load([path])
    assert "ip" not in file.table.column_names
    assert [(issue.code, issue.severity) for issue in file.issues] == [("personal-columns", "note")]
    (file,) = load([path], Reading(keep_personal=True))
    assert file.table["ip"].to_pylist() == ["192.0.2.1"]
    assert file.issues == ()
