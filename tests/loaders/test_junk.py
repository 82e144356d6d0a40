"""Junk in the shape of every vendor's export: it loads or is refused, and nothing else happens."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_robustness import outcome, values

from realm_cli.config import Reading
from realm_cli.errors import InputError, UsageError
from realm_cli.loaders import LOADERS, load, load_items
from realm_cli.loaders.containers import exports
from realm_cli.loaders.detection import claims
from realm_cli.schema import Findings

FORMATS = Path(__file__).parent.parent / "fixtures" / "loaders" / "formats"
TEXT = [name for name, loader in LOADERS.items() if loader.example]


def example(name):
    return (FORMATS / LOADERS[name].example).read_bytes()


def changed(value, dice):
    """The same JSON with junk in some places: a key gone, a value of another type."""
    if dice.draw(st.integers(0, 9)) == 0:
        return dice.draw(values)
    if isinstance(value, dict):
        kept = [key for key in value if dice.draw(st.integers(0, 9)) > 0]
        return {key: changed(value[key], dice) for key in kept}
    if isinstance(value, list):
        return [changed(one, dice) for one in value]
    return value


def mutated(name, dice):
    """An example of a format with junk in it: in its values, or in its bytes."""
    content = example(name)
    if LOADERS[name].example.endswith(("json", "jsonl")):
        try:
            records = [json.loads(content)]
        except ValueError:
            records = [json.loads(line) for line in content.splitlines()]
        return "\n".join(json.dumps(changed(one, dice)) for one in records).encode()
    place = dice.draw(st.integers(0, len(content)))
    cut = dice.draw(st.integers(0, 12))
    junk = dice.draw(st.binary(max_size=4) | st.sampled_from([b",", b"\n", b'"', b"\t", b"NA"]))
    return content[:place] + junk + content[place + cut :]


@pytest.mark.parametrize("name", TEXT)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(dice=st.data())
def test_junk_in_any_format_loads_or_is_refused(tmp_path_factory, name, dice):
    path = Path(tmp_path_factory.mktemp("junk")) / "file"
    path.write_bytes(mutated(name, dice))
    for read in (load, load_items):
        for forced in (None, name):
            assert outcome(read, path, forced) is not None


@pytest.mark.parametrize("name", TEXT)
def test_every_format_forced_on_every_example_ends_properly(name):
    for other in TEXT:
        path = FORMATS / LOADERS[other].example
        with suppress(InputError, UsageError):
            (file,) = load([path], Reading(format=name))
            assert file.n_rows >= file.table.num_rows


@pytest.mark.parametrize("name", TEXT)
def test_every_example_is_claimed_by_its_own_format_alone(name):
    (export,) = exports([FORMATS / LOADERS[name].example], Findings())
    made = claims(export, LOADERS, Reading())
    assert made[0][0].name == name
    assert all(made[0][1].confidence - claim.confidence >= 0.15 for _, claim in made[1:])


@pytest.mark.parametrize("name", TEXT)
def test_rows_are_neither_lost_nor_invented(name):
    """Every row of a file is in its table or counted as dropped."""
    try:
        (file,) = load([FORMATS / LOADERS[name].example])
    except InputError:
        return
    aside = sum(
        count
        for reason, count in file.dropped.items()
        if reason not in {"skipped", "empty", "rejected", "pending", "model"}
    )
    assert file.n_rows == file.table.num_rows + aside
