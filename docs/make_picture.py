"""Draw docs/report.svg, the picture of the README, from a run's report.

python docs/make_picture.py runs/demo
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console

from realm_cli import runs
from realm_cli.report.terminal import annotators_view

WIDTH = 100


def draw(run: Path) -> str:
    """The terminal report as SVG, without rich's link to a font on the network."""
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(annotators_view(runs.read_report(run), WIDTH, limit=None))
    svg = console.export_svg(title=f"realm report {run} --annotators")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    Path(__file__).with_name("report.svg").write_text(draw(Path(sys.argv[1])), encoding="utf-8")
