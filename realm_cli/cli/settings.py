"""Flags -> settings, with pydantic's complaints in plain words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from realm_cli.config import CrowdSettings, JudgeSettings, Reading, TrainSettings
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.cli.options import JudgeOptions
    from realm_cli.cli.simulate import CrowdOptions

Settings = TypeVar("Settings", bound=BaseModel)


def judge_settings(judging: JudgeOptions) -> JudgeSettings:
    """How annotators are judged."""
    return _checked(JudgeSettings, dataclasses.asdict(judging))


def train_settings(model: str, groups: Sequence[Any]) -> TrainSettings:
    """The settings of `realm train`, from its groups of flags."""
    flags = {name: value for group in groups for name, value in dataclasses.asdict(group).items()}
    return _checked(TrainSettings, {"model": model, **flags})


def changed(model: str | None, groups: Sequence[Any]) -> dict[str, Any]:
    """The training settings that were given, as far as they are not what they are by default."""
    flags = vars(train_settings(model or "", groups))
    defaults = vars(train_settings("", [type(group)() for group in groups]))
    return {name: value for name, value in flags.items() if value != defaults[name]}


def crowd_settings(crowd: CrowdOptions) -> CrowdSettings:
    """The settings of `realm simulate`."""
    return _checked(CrowdSettings, dataclasses.asdict(crowd))


def reading_settings(values: dict[str, Any]) -> Reading:
    """How files are to be read."""
    return _checked(Reading, values)


def _checked(kind: type[Settings], flags: dict[str, Any]) -> Settings:
    try:
        return kind.model_validate(flags)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"{flag} is {first['input']!r}: {first['msg']}") from error
