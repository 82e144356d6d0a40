"""The docs say what is there: equations, commands and flags, the tree, snippets."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from realm_cli import errors
from realm_cli.bench.plan import Method, Plan
from realm_cli.choices import Objective, Pooling
from realm_cli.cli.app import EXIT_CODES, app
from realm_cli.loaders import LOADERS
from realm_cli.report.flags import Flag

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ROOT_COMMAND = typer.main.get_command(app)
COMMANDS = ROOT_COMMAND.commands


def fenced(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)


def flags_of(command):
    return {flag for parameter in command.params for flag in parameter.opts} | {"-h", "--help"}


def inline_code(page):
    """The code spans of a page, its fenced blocks left out."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.M)
    return re.findall(r"`([^`\n]+)`", prose)


def realm_lines():
    """Every `realm ...` command line of the docs, in blocks and in sentences, with its page."""
    for page in PAGES:
        for block in fenced(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().startswith("realm "):
                    yield page.name, line.strip()
        for code in inline_code(page):
            if code.startswith("realm "):
                yield page.name, code


def unknown_in(line):
    """What a command line names that does not exist."""
    words = shlex.split(line, comments=True)[1:]
    command = next((word for word in words if word in COMMANDS), None)
    before = words[: words.index(command)] if command else words
    after = words[len(before) + 1 :]
    known = flags_of(COMMANDS[command]) if command else set()
    unknown = [w for w in before if w.startswith("-") and w not in flags_of(ROOT_COMMAND)]
    unknown += [w for w in after if w.startswith("-") and w not in known]
    is_help = not command and bool(before) and before[0].startswith("-")
    return unknown if command or is_help else [*unknown, *words[:1]]


def test_the_docs_hold_command_lines():
    assert len(list(realm_lines())) >= 8


@pytest.mark.parametrize(("page", "line"), list(realm_lines()))
def test_command_lines_name_what_exists(page, line):
    assert unknown_in(line) == []


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("realm train x.csv --modle tiny-t5 --out y", ["--modle"]),
        ("realm trian x.csv", ["trian"]),
        ("realm --json report x", ["--json"]),
        ("realm --config c.toml report x --json  # said", []),
        ("realm --help", []),
    ],
)
def test_the_check_of_command_lines_finds_slips(line, unknown):
    assert unknown_in(line) == unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_in_sentences_exist(page):
    """A code span that begins with a flag speaks of realm; a script's flag follows its name."""
    known = flags_of(ROOT_COMMAND).union(*(flags_of(command) for command in COMMANDS.values()))
    named = [code.split()[0] for code in inline_code(page) if code.startswith("--")]
    assert [flag for flag in named if flag not in known] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "results.md"], ids=lambda page: page.name
)
def test_settings_in_toml_exist(page):
    for block in fenced(page, "toml"):
        for command, values in tomllib.loads(block).items():
            known = {parameter.name for parameter in COMMANDS[command].params}
            assert set(values) <= known


def test_a_plan_in_the_docs_is_a_plan():
    (block,) = fenced(ROOT / "docs" / "results.md", "toml")
    assert Plan.model_validate(tomllib.loads(block)).name == "mine"


def test_the_methods_of_a_plan_are_explained():
    rows = rows_of(ROOT / "docs" / "results.md", "method")
    assert {name for row in rows for name in row.replace("`", "").split(", ")} == set(Method)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_environment_variables_belong_to_flags(page):
    """`REALM_<COMMAND>_<FLAG>`; the others are of the program itself or of its tests."""
    others = {"REALM_DEBUG", "REALM_DATA", "REALM_UPDATE_GOLDEN", "REALM_COMMAND_FLAG",
              "REALM_ANONYMIZE_KEY"}  # fmt: skip
    flags = {
        f"REALM_{name}_{parameter.name}".upper()
        for name, command in COMMANDS.items()
        for parameter in command.params
    }
    named = set(re.findall(r"REALM_[A-Z_]*[A-Z]", page.read_text("utf-8")))
    assert named - others - flags == set()


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
        str(number) for number in range(1, 26)
    }
    assert told == equations_of_the_code()


def test_every_equation_that_the_code_speaks_of_is_in_the_docs():
    text = (ROOT / "docs" / "method.md").read_text("utf-8")
    defined = set(re.findall(r"^\*\*\((\d+)\)\*\*", text, re.M))
    spoken = {
        number
        for path in (ROOT / "realm_cli").rglob("*.py")
        for number in re.findall(r"[Ee]q\. \((\d+)\)|[Ee]q\. (\d+)", path.read_text("utf-8"))
    }
    assert {one or other for one, other in spoken} <= defined
    in_text = set(
        re.findall(r"equations? (\d+)", (ROOT / "docs" / "decisions.md").read_text("utf-8"))
    )
    assert in_text <= defined


def rows_of(page, heading):
    """First cells of the table under a heading row that begins with `heading`."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page.read_text("utf-8"), re.M)
    return [line.split("|")[1].strip(" `") for line in table[1].splitlines()]


def test_exit_codes_are_those_of_the_errors():
    codes = {
        str(kind.exit_code)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RealmError)
    }
    assert set(rows_of(ROOT / "docs" / "tutorial.md", "code")) == codes | {"130", "143"}
    told = set(re.findall(r"(?<!\S)(\d+) [a-z]", EXIT_CODES))
    assert set(rows_of(ROOT / "README.md", "code")) == told


def test_every_flag_of_an_annotator_is_explained():
    assert set(rows_of(ROOT / "docs" / "tutorial.md", "flag")) == {flag.value for flag in Flag}


def test_every_format_has_its_section():
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert set(re.findall(r"^### .*\(`(\w+)`\)$", text, re.M)) == set(LOADERS)


def test_what_turns_a_part_of_the_method_off_is_accepted():
    text = (ROOT / "docs" / "method.md").read_text("utf-8")
    for flag, words in (("pooling", Pooling), ("objective", Objective)):
        named = set(re.findall(rf"`--{flag} (\w+)`", text))
        assert named
        assert named <= set(words)


def test_registries_are_where_the_docs_say():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([\w/]+\.py)` \|", text, re.M)
    assert len(rows) == 10
    for name, place in rows:
        module = ast.parse((ROOT / "realm_cli" / place).read_text("utf-8"))
        targets = [
            target.id
            for node in module.body
            for target in getattr(node, "targets", [getattr(node, "target", None)])
            if isinstance(target, ast.Name)
        ]
        assert name in targets


@pytest.mark.parametrize(
    ("script", "page"), [("make_tree", "README.md"), ("make_formats", "docs/formats.md")]
)
def test_generated_parts_are_as_their_scripts_make_them(script, page):
    spec = importlib.util.spec_from_file_location(script, ROOT / "docs" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / page).read_text("utf-8")
    assert module.updated(text) == text, f"run: python docs/{script}.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_snippets_compile(page):
    for snippet in fenced(page, "python"):
        compile(snippet, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
