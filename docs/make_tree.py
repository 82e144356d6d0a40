"""Write the README's tree of realm_cli/: every module with the first sentence of its docstring.

python docs/make_tree.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
START, END = "<!-- docs/make_tree.py -->", "<!-- end of tree -->"
WIDTH = 26


def tree() -> str:
    """A line a module, packages first named by their own docstring."""
    package = ROOT / "realm_cli"
    lines = []
    for path in sorted(package.rglob("*.py"), key=_order):
        parts = path.relative_to(package).parts
        name = f"{parts[-2] if len(parts) > 1 else 'realm_cli'}/" if _is_init(path) else parts[-1]
        depth = len(parts) - 1 if _is_init(path) else len(parts)
        lines.append(f"{'  ' * depth + name:{WIDTH}}{_first_sentence(path)}".rstrip())
    return "\n".join(lines)


def _order(path: Path) -> tuple[str, ...]:
    """Depth first; a package's own line before its modules."""
    return tuple("" if part == "__init__.py" else part for part in path.parts)


def _is_init(path: Path) -> bool:
    return path.name == "__init__.py"


def _first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n")[0].rstrip(".")


def updated(readme: str) -> str:
    """The README with the tree of today."""
    before, rest = readme.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n```\n{tree()}\n```\n{END}{after}"


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
