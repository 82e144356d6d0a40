"""Flags -> settings, with pydantic's complaints in plain words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from realm_cli.config import CrowdSettings, JudgeSettings, Reading, TrainSettings
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from realm_cli.cli.options import JudgeOptions
    from realm_cli.cli.simulate import CrowdOptions
    from realm_cli.cli.train import MethodOptions, OptimiserOptions

Settings = TypeVar("Settings", bound=BaseModel)


def judge_settings(judging: JudgeOptions) -> JudgeSettings:
    """How annotators are judged."""
    return _checked(JudgeSettings, dataclasses.asdict(judging))


def train_settings(model: str, method: MethodOptions, optimiser: OptimiserOptions) -> TrainSettings:
    """The settings of `realm train`."""
    flags = {**dataclasses.asdict(method), **dataclasses.asdict(optimiser)}
    return _checked(TrainSettings, {"model": model, **flags})


def changed(
    model: str | None, method: MethodOptions, optimiser: OptimiserOptions
) -> dict[str, Any]:
    """The training settings that were given, as far as they are not what they are by default."""
    flags = {**dataclasses.asdict(method), **dataclasses.asdict(optimiser)}
    defaults = {**dataclasses.asdict(type(method)()), **dataclasses.asdict(type(optimiser)())}
    given = {name: value for name, value in flags.items() if value != defaults[name]}
    return given if model is None else {"model": model, **given}


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
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise UsageError(message) from error
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        place = "".join(f" for {name}" for name in first["loc"][1:])
        raise UsageError(f"{flag}{place} is {first['input']!r}: {message}") from error
