"""Whatever a file holds, it loads or it is refused with a reason; nothing else happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realm_cli.config import Reading
from realm_cli.errors import InputError
from realm_cli.loaders import LOADERS, load, load_items
from realm_cli.loaders.columns import NAMES

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "ok", "0001-01-01T00:00:00+23:00", "[1", '["a","b"]', "a|b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
own = ["status", "submitted_at", "duration_s", "group", "source_line"]
names = st.sampled_from([rank[0] for ranks in NAMES.values() for rank in ranks[:1]] + own)
records = st.lists(st.dictionaries(names, values, max_size=6), max_size=4).map(json.dumps)

results = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "from_name": values,
            "type": st.sampled_from(["choices", "taxonomy"]) | values,
            "value": st.fixed_dictionaries({"choices": values}) | values,
        },
    ),
    max_size=3,
)
annotations = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "result": results | values,
            "completed_by": st.integers() | values,
            "was_cancelled": values,
            "created_at": values,
            "lead_time": values,
        },
    )
    | values,
    max_size=3,
)
tasks = st.lists(
    st.fixed_dictionaries(
        {"data": st.dictionaries(names, values, max_size=3), "annotations": annotations},
        optional={"id": st.integers() | values, "project": values},
    ),
    max_size=3,
).map(json.dumps)

cells = st.lists(st.text(max_size=6), max_size=5).map(",".join)
tables = st.lists(cells, max_size=4).map(
    lambda rows: "\n".join(["item,worker,label,submitted_at,options", *rows])
)
batches = st.lists(cells, max_size=4).map(
    lambda rows: "\n".join(["HITId,WorkerId,SubmitTime,Input.text,Answer.q", *rows])
)
anything = st.binary(max_size=40) | (records | tasks | tables | batches).map(
    lambda t: t.encode("utf-8")
)


@settings(max_examples=150, deadline=None)
@given(content=anything, cut=st.integers(0, 30), forced=st.sampled_from([None, *LOADERS]))
def test_every_file_loads_or_is_refused(tmp_path_factory, content, cut, forced):
    path = Path(tmp_path_factory.mktemp("any")) / "file"
    path.write_bytes(content[: len(content) - cut] if cut < 5 else content)
    for read in (load, load_items):
        assert outcome(read, path, forced)


def outcome(read, path, forced):
    """How many rows there are, or the reasons why there are none."""
    try:
        (file,) = read([path], Reading(format=forced))
    except InputError as error:
        return [issue.message for issue in error.issues if issue.message]
    return file.n_rows


@pytest.mark.parametrize("read", [load, load_items])
def test_a_deeply_nested_file_is_refused(write, read):
    with pytest.raises(InputError):
        read([write('[{"data": ' + '{"a": ' * 50_000)])
