"""Real crowds and real exports, where the folder that REALM_DATA names has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from realm_cli.annotations import build_table
from realm_cli.config import Columns, Reading
from realm_cli.errors import InputError
from realm_cli.loaders import load, load_items

DATA = os.environ.get("REALM_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="REALM_DATA names no folder of real data")

CROWDS = [
    ("crowd/nyu_mcqa.parquet", 3_050, 104, 14_100, 2),
    ("crowd/snow_rte_temp.parquet", 857, 190, 8_570, 2),
    ("crowd/spatial_directions.parquet", 64, 49, 3_136, 1),
    ("crowd/pubmedqa_two_annotators.parquet", 1_000, 2, 2_000, 1),
    ("crowd/ukp_convarg1.parquet", 16_927, 3_815, 84_445, 32),
    ("labels_only/weather_cf.parquet", 300, 461, 1_720, 1),
    ("labels_only/bluebird.parquet", 108, 39, 4_212, 1),
    ("exports/mturk/mturk_paraphrase_ragged_submitted.csv", 100, 32, 300, 1),
    ("exports/mturk/mturk_entigen_geo.csv", 270, 92, 810, 2),
    ("exports/mturk/crowdtruth_amt_minimal.csv", 7, 17, 63, 1),
    ("exports/label_studio/ls_sdk_csv_test2_unicode_toname_dollar.json", 1, 1, 1, 1),
    ("exports/label_studio/ls_sdk_csv_test_collision_mixed.json", 1, 1, 1, 1),
    ("exports/label_studio/ls_sdk_csv_test_history_reviews.json", 1, 1, 1, 1),
    ("exports/other/snow_temp_standardized.tsv", 462, 76, 4_620, 1),
]


def real(name: str) -> Path:
    return Path(DATA or "") / name


@pytest.mark.parametrize(("name", "items", "annotators", "annotations", "tasks"), CROWDS)
def test_a_real_crowd_has_its_known_size(name, items, annotators, annotations, tasks):
    (file,) = load([real(name)])
    table, _ = build_table([file])
    assert len(table.items) == items
    assert len(table.annotators) == annotators
    assert len(table) == annotations
    assert len(table.items.tasks) == tasks


REFUSED = [
    ("label_studio/enterprise_taxonomy_team.json", "no-choices", "Category (taxonomy)"),
    ("label_studio/ls_sdk_chat_messages.json", "no-choices", "chat (chatmessage)"),
    ("label_studio/ls_sdk_repeater_taxonomy.json", "no-choices", "labels_0 (rectanglelabels)"),
    ("label_studio/enterprise_taxonomy_team_csv.csv", "no-column:label", "Category"),
    ("label_studio/enterprise_taxonomy_team_tsv.tsv", "no-column:label", "Category"),
    ("label_studio/enterprise_taxonomy_team_json_min.json", "no-column:label", "Category"),
    ("label_studio/ls_sdk_csv_test2_result_tsv_in_csv.csv", "no-column:label", "uri_1"),
    ("mturk/turkle_export_json_answers.csv", "json-answers", "Answer.answer_groups are JSON"),
    ("other/appen_full_binary_trust.csv", "no-column:label", "top_member_employee"),
    ("other/appen_full_multichoice_json.csv", "no-column:label", "selected_events"),
    ("other/groundtruth_consolidation_request.json", "no-column:annotator", "datasetObjectId"),
    ("other/mace_wide_headerless_temp.csv", "no-column:annotator", "before (2)"),
    ("other/prodigy_textcat_binary.jsonl", "no-column:annotator", "_input_hash"),
]


@pytest.mark.parametrize(("name", "code", "message"), REFUSED)
def test_a_real_export_fails_with_the_message_it_deserves(name, code, message):
    with pytest.raises(InputError) as caught:
        load([real("exports") / name])
    first = caught.value.issues[0]
    assert first.code == code
    assert message in first.message
    assert first.hint


def test_flags_open_what_is_ambiguous_by_itself():
    (file,) = load(
        [real("exports/mturk/turkle_export_json_answers.csv")],
        Reading(columns=Columns(label="Answer.is_skip")),
    )
    assert set(file.table["label"].to_pylist()) == {"true", "false"}
    (file,) = load(
        [real("exports/other/appen_full_binary_trust.csv")],
        Reading(columns=Columns(label="top_member_employee")),
    )
    assert set(file.table["label"].to_pylist()) == {"TRUE", "FALSE"}


@pytest.mark.parametrize("name", ["arc", "piqa", "pubmedqa"])
def test_questions_without_annotators_load_as_items(name):
    (file,) = load_items([real("qa") / f"{name}.parquet"])
    assert file.table["gold"].null_count == file.table["options"].null_count == 0
    assert file.table["label"].null_count == file.n_rows
