"""Flags that several commands share, as dataclasses, and the decorator that unfolds them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from realm_cli.config import Reading


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """How to read the input files."""

    format: Annotated[
        str | None,
        typer.Option(
            help="Format of the files, where detection should not decide.", rich_help_panel="Data"
        ),
    ] = None
    item_col: Annotated[
        str | None, typer.Option(help="Column of item ids.", rich_help_panel="Data")
    ] = None
    annotator_col: Annotated[
        str | None, typer.Option(help="Column of annotator ids.", rich_help_panel="Data")
    ] = None
    label_col: Annotated[
        str | None, typer.Option(help="Column of labels.", rich_help_panel="Data")
    ] = None
    text_col: Annotated[
        str | None, typer.Option(help="Column of item texts.", rich_help_panel="Data")
    ] = None
    task_col: Annotated[
        str | None, typer.Option(help="Column of task names.", rich_help_panel="Data")
    ] = None
    gold_col: Annotated[
        str | None, typer.Option(help="Column of gold labels.", rich_help_panel="Data")
    ] = None
    options_col: Annotated[
        str | None, typer.Option(help="Column of answer options.", rich_help_panel="Data")
    ] = None

    def reading(self) -> Reading:
        """The same as the loaders take it."""
        from realm_cli.config import Columns, Reading

        return Reading(
            format=self.format,
            columns=Columns(
                item=self.item_col,
                annotator=self.annotator_col,
                label=self.label_col,
                text=self.text_col,
                task=self.task_col,
                gold=self.gold_col,
                options=self.options_col,
            ),
        )


def unfold(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag for each field of its dataclass parameters.

    Typer reads a function's signature, so the fields are spliced into it; the call puts them
    back together. A command stays short, and a group of flags is written down once.
    """
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    groups: dict[str, Any] = {
        name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in groups:
            parameters += _flags(groups[name])
        else:
            parameters.append(
                parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
            )

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            fields = [field.name for field in dataclasses.fields(group)]
            values[name] = group(**{field: values.pop(field) for field in fields})
        command(**values)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _flags(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]
