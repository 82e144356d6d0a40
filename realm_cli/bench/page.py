"""Where results are written: the folder of a comparison, and a page of the docs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from realm_cli.bench.figures import charts
from realm_cli.bench.plan import Plan
from realm_cli.bench.results import Results, markdown
from realm_cli.checkpoint import write_file, write_text
from realm_cli.errors import UsageError

END = "<!-- end -->"


def check_page(page: Path, plan: str) -> tuple[str, str]:
    """What stands before and after the tables of a plan in a page.

    Their place is between `<!-- realm bench NAME -->` and `<!-- end -->`.

    Raises:
        UsageError: The page cannot be read, or has no such place.
    """
    start = f"<!-- realm bench {plan} -->"
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {page}: {error}") from error
    before, here, rest = text.partition(start)
    _, end, after = rest.partition(END)
    if not (here and end):
        raise UsageError(
            f"{page} has no place for the plan {plan}",
            hint=f"put the lines {start} and {END} where its tables belong",
        )
    return before + start, end + after


def write_results(found: Results, plan: Plan, out: Path) -> None:
    """results.json, results.md and the charts, in the folder of the comparison."""
    files = {
        "results.json": found.model_dump_json(indent=2) + "\n",
        "results.md": markdown(found) + "\n",
        **charts(found, plan),
    }
    for name, text in files.items():
        write_file(out / name, partial(write_text, text))


def write_page(page: Path, found: Results, plan: Plan) -> None:
    """Put the tables into a page, and the charts into a folder of its name beside it.

    Raises:
        UsageError: It has no place for them.
    """
    before, after = check_page(page, found.plan)
    drawn = {f"{page.stem}/{found.plan}-{name}": svg for name, svg in charts(found, plan).items()}
    for name, text in drawn.items():
        write_file(page.parent / name, partial(write_text, text))
    shown = "".join(f"\n![{_words(name)}]({name})\n" for name in drawn)
    whole = f"{before}\n{markdown(found)}\n{shown}{after}"
    write_file(page, partial(write_text, whole))


def _words(name: str) -> str:
    return Path(name).stem.replace("-", " ")
