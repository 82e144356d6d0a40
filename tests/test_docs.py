"""The docs say what is there: equations, commands and flags, the tree, snippets."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

from realm_cli.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = typer.main.get_command(app).commands


def fenced(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)


def realm_lines():
    """Every `realm ...` command line of the docs, with its page."""
    for page in PAGES:
        for block in fenced(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().startswith("realm "):
                    yield page.name, line.strip()


def test_the_docs_hold_command_lines():
    assert len(list(realm_lines())) >= 8


@pytest.mark.parametrize(("page", "line"), list(realm_lines()))
def test_command_lines_name_what_exists(page, line):
    words = shlex.split(line, comments=True)[1:]
    command = COMMANDS[words[0]]
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert [word for word in words if word.startswith("-") and word not in flags] == []


def test_every_command_is_in_the_tutorial():
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"realm {name} " not in text] == []


def equations_of_the_code():
    """Function name -> numbers of the equations that its docstring begins with."""
    found = {}
    for path in (ROOT / "realm_cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            first = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            if first and first.startswith("Eq. ("):
                numbers = re.findall(r"[Ee]q\. \((\d+)\)", first.split("\n")[0])
                found.setdefault(node.name, set()).update(numbers)
    return found


def test_equations_and_functions_name_one_another():
    text = (ROOT / "docs" / "method.md").read_text("utf-8")
    told = {}
    for number, names in re.findall(r"\*\*\((\d+)\)\*\* ((?:`[\w.]+`(?:, )?)+)", text):
        for name in re.findall(r"`([\w.]+)`", names):
            told.setdefault(name.split(".")[-1], set()).add(number)
    assert {number for numbers in told.values() for number in numbers} == {
        str(number) for number in range(1, 15)
    }
    assert told == equations_of_the_code()


def test_the_tree_of_the_readme_is_the_disk():
    script = ROOT / "docs" / "make_tree.py"
    spec = importlib.util.spec_from_file_location("make_tree", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    readme = (ROOT / "README.md").read_text("utf-8")
    assert module.updated(readme) == readme, "run: python docs/make_tree.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_snippets_compile(page):
    for snippet in fenced(page, "python"):
        compile(snippet, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
