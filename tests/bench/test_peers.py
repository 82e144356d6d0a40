"""Other libraries on our labels."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from realm_cli.annotations import build_table
from realm_cli.bench import peers
from realm_cli.bench.peers import CROWD_KIT, crowd_kit, crowdlab
from realm_cli.bench.plan import Method
from realm_cli.config import Reading
from realm_cli.errors import MissingExtraError
from realm_cli.loaders import load

ROWS = """item,annotator,label
a,x,yes
a,y,yes
a,z,no
b,x,no
b,y,no
b,z,yes
c,x,yes
c,y,yes
c,z,yes
d,x,no
d,y,no
d,z,no
e,y,yes
e,z,no
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(ROWS, "utf-8")
    return build_table(load([path], Reading()))[0]


def named(table, q):
    return {
        table.items.ids[i]: table.items.options(i)[q[i].argmax()]
        for i in range(len(q))
        if q[i].max() > q[i].min()
    }


@pytest.mark.parametrize("method", CROWD_KIT)
def test_crowd_kit_knows_what_two_of_three_say(table, method):
    q = crowd_kit(method, table, 0)
    assert q.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    found = named(table, q)
    assert {name: found[name] for name in "abcd"} == {"a": "yes", "b": "no", "c": "yes", "d": "no"}


def test_crowdlab_breaks_a_tie_by_the_model(table):
    yes = [table.items.options(i)[0] == "yes" for i in range(5)]
    sure = {"a": 0.9, "b": 0.1, "c": 0.9, "d": 0.1, "e": 0.1}
    p = np.array([
        [sure[name], 1 - sure[name]] if first else [1 - sure[name], sure[name]]
        for name, first in zip(table.items.ids, yes, strict=True)
    ])  # fmt: skip
    assert named(table, crowdlab(table, p)) == {
        "a": "yes", "b": "no", "c": "yes", "d": "no", "e": "no",
    }  # fmt: skip
    assert named(table, crowdlab(table, p[:, ::-1]))["e"] == "yes"


def test_a_missing_library_is_named(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation", None)
    with pytest.raises(MissingExtraError, match="needs crowdkit"):
        peers.crowd_kit(Method.CROWDKIT_WAWA, table, 0)
