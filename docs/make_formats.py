"""Write the sections of docs/formats.md that the loaders know best: names of columns, formats.

python docs/make_formats.py
"""

from __future__ import annotations

from pathlib import Path

from realm_cli.loaders import LOADERS
from realm_cli.loaders.base import Loader
from realm_cli.loaders.columns import NAMES, flag

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "formats.md"
EXAMPLES = ROOT / "tests" / "fixtures" / "loaders" / "formats"
LANGUAGES = {"json": "json", "jsonl": "json"}
END = "<!-- end -->"


def columns() -> str:
    """The table of names that columns are found by."""
    lines = ["| part | flag | names, best first (`/` between names of one rank) |", "|---|---|---|"]
    lines += [
        f"| {role} | `{flag(role)}` | {', '.join(' / '.join(rank) for rank in ranks)} |"
        for role, ranks in NAMES.items()
    ]
    return "\n".join(lines)


def overview() -> str:
    """A line a format."""
    lines = ["| `--format` | what it is |", "|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {loader.title} |" for name, loader in LOADERS.items()]
    return "\n".join(lines)


def formats() -> str:
    """A section a format: an example, what is read, what is lost."""
    return "\n\n".join(_section(loader) for loader in LOADERS.values())


def _section(loader: Loader) -> str:
    parts = [f'<a id="{loader.name}"></a>', f"### {loader.title} (`{loader.name}`)"]
    if loader.example:
        language = LANGUAGES.get(loader.example.rpartition(".")[2], "")
        example = (EXAMPLES / loader.example).read_text(encoding="utf-8").rstrip()
        parts.append(f"```{language}\n{example}\n```")
    parts += [f"**Read:** {loader.reads}", f"**Lost:** {loader.loses}"]
    return "\n\n".join(parts)


GENERATED = {
    "<!-- docs/make_formats.py: columns -->": columns,
    "<!-- docs/make_formats.py: overview -->": overview,
    "<!-- docs/make_formats.py: formats -->": formats,
}


def updated(page: str) -> str:
    """The page with its generated parts as they are today."""
    for start, make in GENERATED.items():
        before, rest = page.split(start)
        after = rest.split(END, maxsplit=1)[1]
        page = f"{before}{start}\n{make()}\n{END}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
