"""A comparison carried out: every method, cells found again, differences and tables."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import realm
from rich.console import Console

from realm_cli.bench.cells import Filled, cells
from realm_cli.bench.figures import charts
from realm_cli.bench.measures import Measures
from realm_cli.bench.page import write_page
from realm_cli.bench.plan import Method, Plan, read_plan
from realm_cli.bench.results import Results, markdown, results
from realm_cli.bench.run import Ran, Step, run
from realm_cli.cli.bench_table import Board
from realm_cli.errors import UsageError

COLOURS = ["red", "green", "blue"]
SETTINGS = """
name = "small"
seeds = [0, 1]
methods = ["naive", "joint"]
compare = [["joint", "naive"]]
training = {epochs = 1}
data = [{name = "colours", files = ["items.jsonl"]}]
crowds = [{name = "crowd", annotators = 6, labels_per_item = 2}]
models = [{name = "tiny-t5", d_model = 16}]
"""


@pytest.fixture
def plan(tmp_path):
    rows = [
        {"item_id": f"i{i}", "text": f"thing {i} is {COLOURS[i % 3]}", "options": COLOURS,
         "gold": COLOURS[i % 3]}
        for i in range(40)
    ]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "items.jsonl").write_text(lines, encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def changed(plan, **changes):
    return Plan.model_validate({**read_plan(plan).model_dump(), **changes})


@pytest.mark.slow
def test_every_method_fills_its_cell(plan, tmp_path):
    ran = run(changed(plan, methods=list(Method), compare=[], seeds=[0]), tmp_path / "out")
    found = {cell.method: cell for cell in ran.filled}
    assert set(found) == {method.value for method in Method}
    assert {(cell.n_train, cell.n_annotations, cell.n_test) for cell in ran.filled} == {(32, 64, 8)}
    alone = {
        "aggregate",
        "aggregate-guess",
        "crowdlab",
        *(name for name in found if name.startswith("crowd-kit")),
    }
    assert {name for name, cell in found.items() if not cell.measures.test_right} == alone
    models = [cell for name, cell in found.items() if name not in alone]
    assert all(len(cell.measures.test_right) == 8 and cell.n_weights for cell in models)
    assert {cell.noise for cell in ran.filled} == {ran.filled[0].noise}
    judged = {name for name, cell in found.items() if cell.measures.expertise_error is not None}
    assert judged == set(found) - alone - {"oracle", "naive", "majority", "crowdlayer"}
    assert found["realm-paper"].measures.coverage is None
    assert found["joint-cross-fit"].measures.estimate in {"cross-fitted", "label-only"}


def test_methods_that_the_options_do_not_allow_are_left_out(plan, tmp_path):
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    rows[0]["options"] = ["red", "blue"]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "items.jsonl").write_text(lines, encoding="utf-8")
    wanted = changed(plan, methods=["confusion", "crowdlayer", "dawid-skene"], compare=[])
    ran = run(wanted, tmp_path / "out")
    assert ran.left_out == (("colours", "confusion"), ("colours", "crowdlayer"))
    assert {cell.method for cell in ran.filled} == {"dawid-skene"}
    (note,) = ran.notes
    assert note.startswith("colours: options differ from item to item, so dawid-skene takes")


def test_a_tiny_t5_learns_from_gold_and_from_good_labels(plan, tmp_path):
    crowd = {"name": "good", "share": 1.0, "annotators": 6}
    wanted = changed(
        plan, methods=["oracle", "crowdlayer"], compare=[], seeds=[0], crowds=[crowd],
        training={"epochs": 40}, models=[{"name": "tiny-t5"}],
    )  # fmt: skip
    found = {cell.method: cell.measures for cell in run(wanted, tmp_path / "out").filled}
    assert found["oracle"].label_accuracy > 0.9
    assert found["crowdlayer"].label_accuracy > 0.9


def test_cells_are_found_again_and_only_what_decides_them_counts(plan, tmp_path):
    out, steps = tmp_path / "out", []
    first = run(read_plan(plan), out)
    again = run(read_plan(plan), out, steps.append)
    assert again == first
    assert [step.known for step in steps] == [True] * 4
    steps.clear()
    renamed = [{"method": "naive", "name": "all labels"}, "joint"]
    more = changed(plan, methods=renamed, compare=[], seeds=[0, 1, 2])
    filled = run(more, out, steps.append).filled
    # Another seed is new; another name of the same method is not, but its file bears the name.
    assert [step.cell.seed for step in steps if step.filled and not step.known] == [0, 1, 2, 2]
    assert filled[0].method == "all labels"


def test_a_cell_comes_out_the_same_each_time(plan, tmp_path):
    one, other = (run(read_plan(plan), tmp_path / name).filled for name in ("a", "b"))
    times = {"measures": {"seconds", "cpu_seconds"}}
    assert [cell.model_dump(exclude=times) for cell in one] == [
        cell.model_dump(exclude=times) for cell in other
    ]


def test_a_damaged_cell_is_filled_anew(plan, tmp_path):
    wanted, steps = changed(plan, methods=["naive"], compare=[], seeds=[0]), []
    run(wanted, tmp_path / "out")
    (file,) = (tmp_path / "out" / "cells").iterdir()
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[:50], encoding="utf-8")
    run(wanted, tmp_path / "out", steps.append)
    assert [step.known for step in steps] == [False, False]
    assert len(file.read_text(encoding="utf-8")) == pytest.approx(len(whole), abs=20)


@pytest.mark.slow
def test_killed_and_called_again_it_goes_on(plan, tmp_path):
    command = [sys.executable, "-m", "realm_cli", "bench", str(plan), "--out", str(tmp_path / "o")]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().startswith("1/4 colours, crowd, tiny-t5-16, naive, seed 0")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    time.sleep(0.1)
    again = realm(
        "bench", plan, "--out", tmp_path / "o", "--json", cwd=tmp_path, env=dict(os.environ)
    )
    assert again.returncode == 0, again.stderr
    assert "1/4 colours, crowd, tiny-t5-16, naive, seed 0" in again.stderr
    assert "(there already)" in again.stderr.splitlines()[0]
    found = Results.model_validate_json(again.stdout)
    assert [row.method for row in found.rows] == ["naive", "joint"]
    assert (tmp_path / "o" / "results.json").read_text(encoding="utf-8") == again.stdout


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for children in /proc")
def test_cells_end_with_the_process_that_asked_for_them(plan, tmp_path):
    command = [sys.executable, "-m", "realm_cli", "bench", str(plan), "--jobs", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().startswith(("1/4", "2/4"))
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    children = [pid for pid in told if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert len(children) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    until = time.monotonic() + 30
    while any(map(_runs, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(_runs, children))


def _runs(pid: str) -> bool:
    """Whether there is such a process, and it has not ended yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def cell(method, seed, right):
    measures = Measures(
        test_accuracy=right.count("1") / len(right), test_right=right, test_by_task={},
        calibration_error=0.1, label_accuracy=0.5, seconds=2.04, cpu_seconds=1.96,
    )  # fmt: skip
    return Filled(
        data="d", crowd="c", model="m", method=method, seed=seed, fold=0, n_train=8,
        n_annotations=16, n_test=4, noise=0.5, n_weights=1000,
        machine="2 cores", day=f"2026-01-0{seed + 1}", measures=measures,
    )  # fmt: skip


def by_hand(plan):
    filled = tuple(
        cell(method, seed, right)
        for method, seed, right in (
            ("naive", 0, "1000"), ("joint", 0, "1100"), ("naive", 1, "1000"), ("joint", 1, "1111"),
        )
    )  # fmt: skip
    return results(
        read_plan(plan), Ran(filled, (("d", "confusion"),), ("A note.",), {"realm": "0.1"})
    )


def test_means_and_spreads_by_hand(plan):
    naive, joint = by_hand(plan).rows
    assert (naive.averages["test_accuracy"].mean, naive.averages["test_accuracy"].spread) == (
        0.25, 0,
    )  # fmt: skip
    assert joint.averages["test_accuracy"].mean == 0.75
    assert joint.averages["test_accuracy"].spread == pytest.approx(0.5 / 2**0.5)
    (compared,) = by_hand(plan).comparisons
    assert compared.difference == 0.5


GOLDEN = """\
**d, c, m**

| method | test accuracy | calibration error | label accuracy | seconds (noisy) | CPU seconds |
|---|---|---|---|---|---|
| naive | 0.250 ± 0.000 | 0.100 ± 0.000 | 0.500 ± 0.000 | 2.0 ± 0.0 | 2.0 ± 0.0 |
| joint | 0.750 ± 0.354 | 0.100 ± 0.000 | 0.500 ± 0.000 | 2.0 ± 0.0 | 2.0 ± 0.0 |

| data | crowd | model | methods | difference in test accuracy | 95% interval |
|---|---|---|---|---|---|
| d | c | m | joint − naive | +0.500 | +0.000 to +1.000 |

`confusion` is left out on d: its options differ from item to item.

A note.

Plan `small`, seeds 0, 1, realm 0.1, on 2 cores, 2026-01-01 to 2026-01-02; \
± is the standard deviation over seeds."""


def test_what_people_see(plan):
    assert markdown(by_hand(plan)) == GOLDEN


def test_tables_go_between_the_marks_of_a_page(plan, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- realm bench small -->\nold\n<!-- end -->\nafter\n", "utf-8")
    write_page(page, by_hand(plan), read_plan(plan))
    assert page.read_text("utf-8") == (
        f"before\n<!-- realm bench small -->\n{GOLDEN}\n<!-- end -->\nafter\n"
    )


def test_a_page_without_marks_is_refused_before_anything_is_trained(plan, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing here\n", "utf-8")
    with pytest.raises(UsageError, match="no place for the plan small"):
        write_page(page, by_hand(plan), read_plan(plan))
    refused = realm("bench", plan, "--write-docs", page, cwd=tmp_path, env=dict(os.environ))
    assert refused.returncode == 2
    assert "no place for the plan small" in refused.stderr
    assert not Path(tmp_path / "bench").exists()


def along(plan, axis, **changes):
    """Charts of the rows by hand and the same again, changed."""
    found = by_hand(plan)
    others = [row.model_copy(update=changes) for row in found.rows]
    both = found.model_copy(update={"rows": (*found.rows, *others)})
    crowd = read_plan(plan).crowds[0]
    crowds = tuple(
        crowd.model_copy(update=update)
        for update in ({"name": "c"}, {"name": "c2", **({axis: 5} if axis else {})})
    )
    return charts(both, read_plan(plan).model_copy(update={"crowds": crowds}))


def test_charts_are_drawn_along_what_a_plan_varies(plan):
    assert charts(by_hand(plan), read_plan(plan)) == {}
    by_size = along(plan, None, model="m2", n_weights=10_000)
    assert list(by_size) == ["accuracy-by-model-size.svg"]
    assert by_size["accuracy-by-model-size.svg"].count("<polyline") == 2
    assert ">m2 (0.01 M)<" in by_size["accuracy-by-model-size.svg"]
    by_labels = along(plan, "labels_per_item", crowd="c2", labels_per_item=5.0)
    assert list(by_labels) == ["accuracy-by-labels-an-item.svg"]
    by_noise = along(plan, None, crowd="c2", noise=0.75)
    assert list(by_noise) == ["accuracy-by-noise.svg"]
    assert ">50%<" in by_noise["accuracy-by-noise.svg"]


def test_a_page_shows_the_charts(plan, tmp_path):
    found = by_hand(plan)
    larger = [row.model_copy(update={"model": "m2", "n_weights": 9}) for row in found.rows]
    both = found.model_copy(update={"rows": (*found.rows, *larger)})
    page = tmp_path / "page.md"
    page.write_text("<!-- realm bench small -->\n<!-- end -->\n", "utf-8")
    write_page(page, both, read_plan(plan))
    link = "![small accuracy by model size](page/small-accuracy-by-model-size.svg)"
    assert link in page.read_text("utf-8")
    assert (tmp_path / "page" / "small-accuracy-by-model-size.svg").is_file()


def test_several_cells_at_a_time_come_to_the_same(plan, tmp_path):
    ran = [run(read_plan(plan), tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2)]
    told = [
        [cell.model_dump(exclude={"measures": {"seconds", "cpu_seconds"}}) for cell in one.filled]
        for one in ran
    ]
    assert told[0] == told[1]
    assert len(list((tmp_path / "2" / "cells").iterdir())) == 4


def test_the_board_shows_means_so_far(plan):
    board, cell_of_plan = Board(), next(iter(cells(read_plan(plan))))
    board.take(Step(cell_of_plan, 1, 4))
    for right in ("1000", "1110"):
        board.take(Step(cell_of_plan, 1, 4, cell("naive", 0, right)))
    shown = io.StringIO()
    Console(file=shown, width=90).print(board.table())
    assert "0.500" in shown.getvalue()
    assert "1/4 colours, crowd, tiny-t5-16, naive, seed 0" in " ".join(shown.getvalue().split())
