"""What realm refuses: one clear line, the right exit code, nothing written; all real processes."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
from harness import colour_rows, contents, python, realm, write_rows

from realm_cli.backbones.tiny import build_tiny_t5

TRAIN = ("--model", "tiny-t5", "--out", "run")


@pytest.fixture
def export(tmp_path):
    """Write rows into the folder where the command runs."""
    return lambda rows, name="crowd.jsonl": write_rows(tmp_path / name, rows).name


def without(rows, *columns):
    return [{name: row[name] for name in row if name not in columns} for row in rows]


def test_an_unknown_column(refused, export):
    told = refused(3, "train", export(colour_rows()), *TRAIN, "--item-col", "question")
    assert told.startswith("error: crowd.jsonl cannot be used: 1 problem\n")
    assert "there is no column 'question'" in told
    assert "the columns are: item_id, annotator_id, label, text, gold" in told
    assert "--item-col" in told


def test_a_label_outside_its_options_is_shown_with_its_line(refused, export):
    rows = [{**row, "options": ["red", "green", "blue", "yellow"]} for row in colour_rows()]
    rows[6]["label"] = "mauve"
    told = refused(3, "train", export(rows), *TRAIN)
    assert "crowd.jsonl:7: the label 'mauve' is not among the options" in told
    assert "'yellow'" in told


def test_all_bad_rows_are_counted_and_the_first_twenty_shown(refused, export):
    rows = [{**row, "options": ["red", "green", "blue", "yellow"]} for row in colour_rows()]
    for row in rows[:30]:
        row["label"] = "mauve"
    told = refused(3, "train", export(rows), *TRAIN).splitlines()
    assert told[0] == "error: crowd.jsonl cannot be used: 30 problems"
    assert [line.split(":")[1] for line in told[1:21]] == [str(n) for n in range(1, 21)]
    assert told[21] == "  crowd.jsonl:30: 10 more of the same kind, the last one here"


def test_problems_of_all_files_come_together(refused, export):
    first = export(without(colour_rows(), "label"), "first.jsonl")
    told = refused(3, "train", first, "nowhere.jsonl", *TRAIN)
    assert "error: 2 of 2 files cannot be used" in told
    assert "first.jsonl: no column holds the labels" in told
    assert "nowhere.jsonl: there is no such file" in told


def test_a_file_that_is_not_there(refused):
    assert "nowhere.csv: there is no such file" in refused(3, "train", "nowhere.csv", *TRAIN)


@pytest.mark.parametrize(
    "content", [b"Dear all,\nthe labels will come later.\n", b"\x89PNG\r\n\x1a\n\0\0", b""]
)
def test_a_file_that_is_no_export(refused, tmp_path, content):
    (tmp_path / "letter.txt").write_bytes(content)
    assert "error: letter.txt cannot be used" in refused(3, "train", "letter.txt", *TRAIN)


def test_one_annotator_alone(refused, export):
    rows = [{**row, "annotator_id": "eve"} for row in colour_rows(per_item=1)]
    told = refused(3, "train", export(rows), *TRAIN)
    assert "all 40 labels are by one annotator, 'eve'" in told
    assert "--annotator-col" in told
    assert "one annotator, 'eve'" in refused(3, "report", "crowd.jsonl")


def test_items_without_text_can_be_reported_on_but_not_trained_on(refused, export, tmp_path):
    source = export(without(colour_rows(), "text"))
    told = refused(3, "train", source, *TRAIN)
    assert "no item has a text: labels can be judged (realm report), but no model" in told
    assert "--text-col" in told
    assert realm("report", source, cwd=tmp_path).returncode == 0


def test_an_output_folder_that_is_not_empty(refused, export, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    source = export(colour_rows())
    for flags in ([], ["--overwrite"]):
        told = refused(2, "train", source, *TRAIN, *flags)
        assert "the output folder run is not empty, and what it holds is no run of realm" in told
        assert "choose another --out" in told


def test_an_output_folder_that_cannot_be_written(refused, export, tmp_path):
    (tmp_path / "file").touch()
    told = refused(4, "train", export(colour_rows()), "--model", "tiny-t5", "--out", "file/run")
    assert told.startswith("error: cannot write file/run")
    assert told.endswith(": Not a directory\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission(refused, export, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    told = refused(4, "train", export(colour_rows()), "--model", "tiny-t5", "--out", "locked/run")
    assert told.startswith("error: cannot write locked/run")
    assert told.endswith(": Permission denied\n")


def test_other_output_that_cannot_be_written(refused, export, tmp_path):
    (tmp_path / "file").touch()
    source = export(colour_rows())
    told = refused(4, "simulate", source, "--out", "file/x.parquet")
    assert told.startswith("error: cannot write file/x.parquet: ")
    assert len(told.splitlines()) == 1
    process = realm("report", source, "--html", "file/x.html", cwd=tmp_path)
    assert process.returncode == 4
    assert process.stderr.startswith("error: cannot write file/x.html: ")


BAD_FLAGS = {
    "unknown flag": (["--epoch", "3"], "No such option: --epoch"),
    "no number": (["--epochs", "many"], "--epochs"),
    "none": (["--epochs", "0"], "--epochs is 0"),
    "negative": (["--seed", "-1"], "--seed is -1"),
    "above one": (["--warm-up", "1.5"], "--warm-up is 1.5"),
    "nan": (["--form-weight", "nan"], "--form-weight is nan"),
    "no choice": (["--objective", "both"], "--objective"),
    "no such annotator model": (["--annotator-model", "oracle"], "'expertise'"),
    "unknown format": (["--format", "word"], "word"),
}


@pytest.mark.parametrize(("flags", "told"), BAD_FLAGS.values(), ids=BAD_FLAGS)
def test_flags_that_cannot_be_followed(refused, export, flags, told):
    assert told in refused(2, "train", export(colour_rows()), *TRAIN, *flags)


@pytest.mark.parametrize("flags", [["--annotators", "0"], ["--share", "2"], ["--kind", "nice"]])
def test_flags_of_simulate_that_cannot_be_followed(refused, export, flags):
    assert flags[0] in refused(2, "simulate", export(colour_rows()), "--out", "x.parquet", *flags)


def test_a_model_that_is_not_named(refused, export):
    assert "--model" in refused(2, "train", export(colour_rows()))


CONFIGURATIONS = {
    "unknown key": ("[train]\nepoch = 3\n", "unknown key in [train]: 'epoch'", "'epochs'?"),
    "unknown table": ("[training]\nepochs = 3\n", "unknown table: 'training'", "'train'?"),
    "no table": ("train = 3\n", "train must be a table", "[train]"),
    "bad value": ("[train]\nepochs = 0\n", "--epochs is 0", ""),
    "no TOML": ("[train\n", "realm.toml is not valid TOML", "line 1"),
    "no UTF-8": ("[train]\nmodel = '\xff'\n", "realm.toml is not valid TOML", ""),
}


@pytest.mark.parametrize(("text", "told", "hint"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_that_cannot_be_followed(refused, export, tmp_path, text, told, hint):
    (tmp_path / "realm.toml").write_bytes(text.encode("latin-1"))
    found = refused(2, "train", export(colour_rows()), *TRAIN)
    assert told in found
    assert hint in found


def test_a_configuration_that_is_not_there(refused):
    assert "cannot read my.toml: No such file" in refused(2, "--config", "my.toml", "report")


def test_a_report_of_nothing(refused, tmp_path):
    told = refused(2, "report")
    assert told.startswith("error: there is no run under runs/")
    (tmp_path / "folder").mkdir()
    assert "folder: the folder holds no files" in refused(3, "report", "folder")
    (tmp_path / "folder" / "realm").mkdir()
    assert "folder is not a run's folder" in refused(3, "report", "folder")
    told = refused(2, "report", "folder", "crowd.jsonl")
    assert "is a run's folder among other inputs" in told


def test_a_model_that_nobody_has(refused, export):
    told = refused(2, "train", export(colour_rows()), "--model", "google/flan-t6", "--out", "run")
    error, hint = told.splitlines()
    assert error == (
        "error: the model 'google/flan-t6' is neither a folder here nor in the cache, and "
        "HF_HUB_OFFLINE keeps realm from asking the hub"
    )
    assert hint.endswith("hf download google/flan-t6; --model tiny-t5 needs neither")


def test_a_model_of_a_kind_that_reads_no_text(refused, export, tmp_path):
    (tmp_path / "seer").mkdir()
    (tmp_path / "seer" / "config.json").write_text('{"model_type": "vit", "hidden_size": 8}')
    told = refused(2, "train", export(colour_rows()), "--model", "seer", "--out", "run")
    assert told.startswith("error: seer is a vit model, which realm cannot train")


def test_a_checkpoint_cut_short(refused, export, tmp_path):
    build_tiny_t5(["some text"], seed=0).save(tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    told = refused(2, "train", export(colour_rows()), "--model", "./model", "--out", "run")
    assert told.startswith("error: ./model holds no checkpoint that transformers can load: ")
    assert "model.safetensors is cut short: 5,000 bytes of" in told


def test_debugging_shows_where(refused, export):
    told = refused(
        3, "train", export(colour_rows()), *TRAIN, "--item-col", "x", env={"REALM_DEBUG": "1"}
    )
    assert told.startswith("error: crowd.jsonl cannot be used")
    assert "Traceback (most recent call last)" in told


BUG = """
import sys
from realm_cli import estimation
from realm_cli.__main__ import main

def estimate(*_, **__):
    raise ZeroDivisionError("a [bold]fault[/bold]")

estimation.estimate = estimate
main()
"""


def test_a_fault_of_realms_own(export, tmp_path):
    source = export(colour_rows())
    before = contents(tmp_path)
    process = python("-c", BUG, "report", source, cwd=tmp_path)
    assert process.returncode == 4
    assert process.stderr.splitlines() == [
        "internal error: ZeroDivisionError: a [bold]fault[/bold]",
        "hint: set REALM_DEBUG=1 to see where, and please report it",
    ]
    debugged = python("-c", BUG, "report", source, cwd=tmp_path, env={"REALM_DEBUG": "1"})
    assert "Traceback" in debugged.stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--patience", "2"), "--patience needs items to evaluate on"),
        (("--evaluate-every", "5"), "--evaluate-every needs items to evaluate on"),
        (("--dev", "1.5"), "--dev is 1.5: Input should be less than 1"),
        (("--dev", "0.2", "--patience", "0"), "--patience is 0:"),
        (("--report-to", "wandb,spreadsheet"), "--report-to is 'spreadsheet', which is no tracker"),
    ],
)
def test_flags_of_model_selection(refused, export, flags, words):
    told = refused(2, "train", export(colour_rows()), *TRAIN, *flags)
    assert words in " ".join(told.split())


def test_a_dev_file_that_is_not_there(refused, export):
    told = refused(3, "train", export(colour_rows()), *TRAIN, "--dev", "gone.jsonl")
    assert "gone.jsonl" in told


def test_a_tracker_that_is_not_installed(refused, export):
    names = [name for name in ("wandb", "mlflow", "trackio") if find_spec(name) is None]
    if not names:
        pytest.skip("every tracker is installed")
    told = refused(2, "train", export(colour_rows()), *TRAIN, "--report-to", names[0])
    assert f"--report-to {names[0]} needs a package that is not installed" in told
    assert f"pip install {names[0]}" in told
