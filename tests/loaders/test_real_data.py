"""Real crowds and real exports, where the folder that REALM_DATA names has them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from realm_cli.annotations import build_table
from realm_cli.checks import check_estimable
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


@dataclass(frozen=True)
class Known:
    """What a real export holds."""

    format: str
    items: int
    annotators: int
    annotations: int
    tasks: int
    dropped: dict[str, int] = field(default_factory=dict)


EXPORTS = {
    "label_studio/enterprise_taxonomy_team.json": Known(
        "label_studio", 2_432, 3, 7_277, 19,
        {"other-answer:labels": 384, "not-asked": 2, "empty": 76},
    ),
    "label_studio/enterprise_taxonomy_team_json_min.json": Known(
        "label_studio_min", 640, 3, 1_904, 16
    ),
    "label_studio/enterprise_taxonomy_team_csv.csv": Known("label_studio_csv", 640, 3, 1_904, 16),
    "label_studio/enterprise_taxonomy_team_tsv.tsv": Known("label_studio_csv", 640, 3, 1_904, 16),
    "label_studio/ls_sdk_csv_test2_unicode_toname_dollar.json": Known("label_studio", 1, 1, 1, 1),
    "label_studio/ls_sdk_csv_test_collision_mixed.json": Known(
        "label_studio", 1, 1, 1, 1, {"unlabelled": 1}
    ),
    "label_studio/ls_sdk_csv_test_history_reviews.json": Known("label_studio", 1, 1, 1, 1),
    "mturk/crowdtruth_amt_minimal.csv": Known("mturk", 7, 17, 63, 1),
    "mturk/mturk_entigen_geo.csv": Known("mturk", 270, 92, 810, 2),
    "mturk/mturk_paraphrase_ragged_submitted.csv": Known("mturk", 100, 32, 300, 1),
    "mturk/turkle_export_json_answers.csv": Known(
        "turkle", 884, 1, 884, 3, {"other-answer:json": 590, "not-asked": 1}
    ),
    "other/appen_full_binary_trust.csv": Known("appen", 10, 67, 150, 1),
    "other/mace_wide_headerless_temp.csv": Known("mace", 462, 76, 4_620, 1),
    "other/snow_temp_standardized.tsv": Known("csv", 462, 76, 4_620, 1),
}  # fmt: skip

REFUSED = {
    "label_studio/ls_sdk_chat_messages.json": ("no-choices", "chat (chatmessage)"),
    "label_studio/ls_sdk_repeater_taxonomy.json": ("no-choices", "labels_0 (rectanglelabels)"),
    "label_studio/ls_sdk_csv_test2_result_tsv_in_csv.csv": ("ambiguous-column:label", "uri_1"),
    "other/appen_full_multichoice_json.csv": ("options-by-item", "'selected_events'"),
    "other/groundtruth_consolidation_request.json": ("no-choices", "(boundingBoxes)"),
    "other/prodigy_textcat_binary.jsonl": ("no-column:annotator", "no answer says who gave it"),
}


def test_every_real_export_is_in_one_of_the_tables():
    folder = real("exports")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {*EXPORTS, *REFUSED}


@pytest.mark.parametrize(("name", "known"), EXPORTS.items())
def test_a_real_export_loads(name, known):
    (file,) = load([real("exports") / name])
    table, _ = build_table([file])
    assert file.format == known.format
    assert (len(table.items), len(table.annotators)) == (known.items, known.annotators)
    assert (len(table), len(table.items.tasks)) == (known.annotations, known.tasks)
    assert file.dropped == known.dropped


@pytest.mark.parametrize(("name", "refused"), REFUSED.items())
def test_a_real_export_fails_with_the_message_it_deserves(name, refused):
    code, message = refused
    with pytest.raises(InputError) as caught:
        load([real("exports") / name])
    first = caught.value.issues[0]
    assert first.code == code
    assert message in first.message
    assert first.hint


def test_ground_truth_that_is_an_annotators_own_is_not_scored_on_itself():
    (file,) = load([real("exports/label_studio/enterprise_taxonomy_team.json")])
    table, _ = build_table([file])
    codes = {issue.code: issue.count for issue in check_estimable(table)}
    assert codes["gold-is-own-label"] == table.is_gold.sum() > 2_000  # 130 answers, 19 options
    assert codes["edited-by-others"] == 1_330  # 71 annotations
    rows = table.rows.filter(table.rows["is_gold"])
    assert rows["gold"].to_pylist() == rows["label"].to_pylist()


def test_files_open_with_the_flags_that_their_messages_name():
    prodigy = Reading(annotator_from="filename")
    (file,) = load([real("exports/other/prodigy_textcat_binary.jsonl")], prodigy)
    assert set(file.table["annotator_id"].to_pylist()) == {"prodigy_textcat_binary"}
    assert set(file.table["task"].to_pylist()) == {"DOCUMENTATION"}
    together = Reading(multi_select="combination")
    (file,) = load([real("exports/other/appen_full_multichoice_json.csv")], together)
    assert set(file.table["task"].to_pylist()) == {"selected_events"}


def test_flags_open_what_is_ambiguous_by_itself():
    (file,) = load(
        [real("exports/mturk/turkle_export_json_answers.csv")],
        Reading(columns=Columns(label="Answer.is_skip")),
    )
    assert set(file.table["label"].to_pylist()) == {"true", "false"}


@pytest.mark.parametrize("name", ["arc", "piqa", "pubmedqa"])
def test_questions_without_annotators_load_as_items(name):
    (file,) = load_items([real("qa") / f"{name}.parquet"])
    assert file.table["gold"].null_count == file.table["options"].null_count == 0
    assert file.table["label"].null_count == file.n_rows
