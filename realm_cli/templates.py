"""The grammar of prompt templates: text with `{text}`, `{options}` and `{task}` to be filled in."""

from __future__ import annotations

from string import Formatter

PLACEHOLDERS = ("text", "options", "task")


def checked_template(template: str) -> str:
    """The template itself.

    Raises:
        ValueError: It has no `{text}`, or a placeholder that realm does not fill.
    """
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        parts = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise ValueError(
            f"a brace stands alone ({error}); write {{{{ or }}}} for a brace that is text"
        ) from error
    for name, form, conversion in parts:
        if name not in PLACEHOLDERS or form or conversion:
            shown = f"{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}"
            raise ValueError(
                f"{{{shown}}} is no placeholder; known: {known}; write {{{{ and }}}} for braces "
                "that are text"
            )
    if all(name != "text" for name, _, _ in parts):
        raise ValueError("a template needs {text}, the item's text")
    return template


def lists_options(template: str) -> bool:
    """Whether a template names the options."""
    return any(part[1] == "options" for part in Formatter().parse(template))
