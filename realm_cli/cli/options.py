"""Flags that several commands share, as dataclasses, and the decorator that unfolds them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from realm_cli.choices import AnnotatorFrom, AnnotatorModel, Duplicates, MultiSelect, Pooling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.config import Reading
    from realm_cli.intake import Source


def _column(what: str, *names: str) -> Any:
    """A flag that names a column."""
    return typer.Option(*names, help=what, rich_help_panel="Data")


def _reading(what: str, *names: str) -> Any:
    """A flag that says how files are to be read."""
    return typer.Option(*names, help=what, rich_help_panel="Reading")


def _judging(what: str, *names: str) -> Any:
    """A flag that says how annotators are judged."""
    return typer.Option(*names, help=what, rich_help_panel="Annotators")


@dataclasses.dataclass(frozen=True)
class JudgeOptions:
    """How annotators are judged."""

    annotator_model: Annotated[
        AnnotatorModel, _judging("How annotators err; auto: as held-out annotations say.")
    ] = AnnotatorModel.AUTO
    pooling: Annotated[
        Pooling,
        _judging("Competence by task, leaning on the annotator (partial), or one number (full)."),
    ] = Pooling.PARTIAL
    use_gold: Annotated[
        bool, _judging("Let gold count as known truth (control items).", "--use-gold")
    ] = False
    prior: Annotated[
        Path | None, _judging("report.json of an earlier batch, as prior of who is known.")
    ] = None
    prior_strength: Annotated[
        float, _judging("What a label of that batch counts against one of this.")
    ] = 0.5
    seed: Annotated[int, _judging("Decides every draw.")] = 0


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """How to read the input files; what is not given is up to the profile, then to realm."""

    format: Annotated[
        str | None, _column("Format of the files, where detection should not decide.")
    ] = None
    profile: Annotated[Path | None, _column("Settings saved by realm inspect --save-profile.")] = (
        None
    )
    items_file: Annotated[
        Path | None, _column("File of items: their texts, options and gold, by item id.")
    ] = None
    item_col: Annotated[str | None, _column("Column of item ids.", "--item-col", "--item-key")] = (
        None
    )
    annotator_col: Annotated[str | None, _column("Column of annotator ids.")] = None
    label_col: Annotated[str | None, _column("Column of labels, or the question to read.")] = None
    text_col: Annotated[str | None, _column("Column of item texts.")] = None
    task_col: Annotated[str | None, _column("Column of task names.")] = None
    gold_col: Annotated[str | None, _column("Column of gold labels.")] = None
    options_col: Annotated[str | None, _column("Column of answer options.")] = None
    status_col: Annotated[str | None, _column("Column that says which answers count.")] = None
    time_col: Annotated[str | None, _column("Column of times.")] = None
    group_col: Annotated[str | None, _column("Column of batches or vendors.")] = None
    annotator_from: Annotated[AnnotatorFrom | None, _reading("Where the annotator is named.")] = (
        None
    )
    multi_select: Annotated[
        MultiSelect | None, _reading("What answers with several options become.")
    ] = None
    taxonomy_level: Annotated[
        int | None, _reading("Steps of a taxonomy path to keep; -1 the last step alone.")
    ] = None
    answer_pattern: Annotated[
        str | None, _reading("Regular expression for columns named after items.")
    ] = None
    duplicates: Annotated[
        Duplicates | None, _reading("Which of somebody's repeated answers counts.")
    ] = None
    include_models: Annotated[
        bool | None, _reading("Count the answers of models too.", "--include-models")
    ] = None
    normalize_labels: Annotated[
        bool | None, _reading("One spelling for yes, Yes and YES.", "--normalize-labels")
    ] = None
    keep_personal: Annotated[
        bool | None, _reading("Keep columns of personal data.", "--keep-personal")
    ] = None
    anonymize: Annotated[
        bool | None, _reading("Hash annotator ids (key: REALM_ANONYMIZE_KEY).", "--anonymize")
    ] = None

    def reading(self) -> Reading:
        """The same as the loaders take it: flags over the profile over what realm does itself."""
        from realm_cli.cli.settings import reading_settings
        from realm_cli.config import Reading
        from realm_cli.profiles import read_profile

        base = Reading() if self.profile is None else read_profile(self.profile)
        given = {name: value for name, value in vars(self).items() if value is not None}
        columns = {
            name.removesuffix("_col"): value
            for name, value in given.items()
            if name.endswith("_col")
        }
        settings = {name: value for name, value in given.items() if name in Reading.model_fields}
        named = {**base.columns.model_dump(), **columns}
        return reading_settings({**base.model_dump(), **settings, "columns": named})

    def source(self, files: Sequence[Path]) -> Source:
        """The files with all that was said about reading them."""
        from realm_cli.intake import Source

        return Source(tuple(files), self.reading(), self.items_file)


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
            default=inspect.Parameter.empty
            if field.default is dataclasses.MISSING
            else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]
