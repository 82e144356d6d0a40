"""A run's folder appears whole or not at all, and never in place of something else."""

from __future__ import annotations

import pytest
from harness import contents

from realm_cli import checkpoint
from realm_cli.errors import InputError, OutputExistsError, RealmError


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / checkpoint.SIDE).mkdir(parents=True)
    (folder / checkpoint.SIDE / checkpoint.RUN_FILE).write_text("{}")
    return folder


def test_a_new_or_an_empty_folder_may_be_written(tmp_path):
    (tmp_path / "empty").mkdir()
    checkpoint.check_output(tmp_path / "new", overwrite=False)
    checkpoint.check_output(tmp_path / "empty", overwrite=False)


def test_a_run_is_replaced_only_when_asked_to(run):
    with pytest.raises(OutputExistsError, match="not empty") as refused:
        checkpoint.check_output(run, overwrite=False)
    assert refused.value.exit_code == 2
    assert "--overwrite" in refused.value.hint
    checkpoint.check_output(run, overwrite=True)


def test_a_folder_or_a_file_that_is_no_run_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for path, reason in ((tmp_path, "no run of realm"), (tmp_path / "thesis.tex", "is a file")):
        with pytest.raises(OutputExistsError, match=reason):
            checkpoint.check_output(path, overwrite=True)


def test_a_staged_folder_takes_its_place_at_the_end(tmp_path):
    out = tmp_path / "deep" / "run"
    with checkpoint.staged(out) as stage:
        (stage / "model").write_text("weights")
        assert not out.exists()
        assert stage.parent == out.parent
    assert contents(tmp_path) == {"deep/run/model": b"weights", "deep/run/realm": b""}


def test_a_staged_folder_replaces_all_of_an_earlier_run(run, tmp_path):
    (run / "old").write_text("old")
    with checkpoint.staged(run) as stage:
        (stage / "new").write_text("new")
    assert contents(tmp_path) == {"run/new": b"new", "run/realm": b""}


def stage_half(run, trouble):
    with checkpoint.staged(run) as stage:
        (stage / "half").write_text("half")
        raise trouble


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError, OSError])
def test_nothing_is_left_of_a_staged_folder_when_something_happens(run, tmp_path, trouble):
    before = contents(tmp_path)
    with pytest.raises((trouble, RealmError)):
        stage_half(run, trouble)
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_an_error_in_plain_words(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(RealmError, match=r"cannot write .*: Not a directory"),
        checkpoint.staged(tmp_path / "file" / "run"),
    ):
        pass


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "table"
    checkpoint.write_file(path, lambda stage: stage.write_text("whole"))

    def fail(stage):
        stage.write_text("ha")
        raise OSError("the disk is full")

    with pytest.raises(RealmError, match=r"cannot write .*the disk is full"):
        checkpoint.write_file(path, fail)
    with pytest.raises(RealmError, match="cannot write"):
        checkpoint.write_file(path / "file", fail)
    assert contents(tmp_path) == {"new/table": b"whole"}


@pytest.mark.parametrize("text", ["{}", "no json", "\xff", '{"realm_version": 1}'])
def test_a_record_that_realm_did_not_write_is_refused(run, text):
    (run / checkpoint.SIDE / checkpoint.RUN_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="not written by this version"):
        checkpoint.read_record(run)


def test_a_folder_without_a_record_is_no_run(tmp_path):
    with pytest.raises(InputError, match="is not a run's folder") as refused:
        checkpoint.read_record(tmp_path)
    assert refused.value.exit_code == 3
    assert "realm train --out" in refused.value.hint
