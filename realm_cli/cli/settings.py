"""Flags -> settings, with pydantic's complaints in plain words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from realm_cli.config import (
    CrowdSettings,
    DecisionSettings,
    GateSettings,
    JudgeSettings,
    Reading,
    RelabelSettings,
    TrainSettings,
)
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realm_cli.cli.decisions import DecisionOptions
    from realm_cli.cli.gate import EvidenceOptions, ThresholdOptions
    from realm_cli.cli.options import JudgeOptions
    from realm_cli.cli.relabel import BudgetOptions
    from realm_cli.cli.simulate import CrowdOptions

Settings = TypeVar("Settings", bound=BaseModel)


def judge_settings(judging: JudgeOptions) -> JudgeSettings:
    """How annotators are judged."""
    return _checked(JudgeSettings, dataclasses.asdict(judging))


def train_settings(model: str, groups: Sequence[Any]) -> TrainSettings:
    """The settings of `realm train`, from its groups of flags."""
    flags = {name: value for group in groups for name, value in dataclasses.asdict(group).items()}
    for name in ("evaluate_every", "patience"):
        if flags[name] is not None and flags["dev"] is None:
            raise UsageError(
                f"--{name.replace('_', '-')} needs items to evaluate on",
                hint="keep some out of training: --dev 0.1",
            )
    return _checked(TrainSettings, {"model": model, **flags})


def changed(model: str | None, groups: Sequence[Any]) -> dict[str, Any]:
    """The training settings that were given, as far as they are not what they are by default."""
    flags = {name: value for group in groups for name, value in dataclasses.asdict(group).items()}
    defaults = {
        name: value for group in groups for name, value in dataclasses.asdict(type(group)()).items()
    }
    given = {name: value for name, value in flags.items() if value != defaults[name]}
    given = given if model is None else {"model": model, **given}
    checked = _checked(TrainSettings, {"model": "", **given})
    return {name: getattr(checked, name) for name in given}


def crowd_settings(crowd: CrowdOptions) -> CrowdSettings:
    """The settings of `realm simulate`."""
    return _checked(CrowdSettings, dataclasses.asdict(crowd))


def decision_settings(deciding: DecisionOptions) -> DecisionSettings:
    """What decides about annotators."""
    flags = dataclasses.asdict(deciding)
    return _checked(DecisionSettings, {name: flags[name] for name in DecisionSettings.model_fields})


def relabel_settings(budget: BudgetOptions) -> RelabelSettings:
    """What further labels may cost."""
    return _checked(RelabelSettings, dataclasses.asdict(budget))


def gate_settings(thresholds: ThresholdOptions, evidence: EvidenceOptions) -> GateSettings:
    """The settings of `realm gate`."""
    flags = {**dataclasses.asdict(thresholds), **dataclasses.asdict(evidence)}
    return _checked(
        GateSettings,
        {**flags, "ignore": flags["ignore"] or (), "advisory": flags["advisory"] or ()},
    )


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
        named = [str(name) for name in first["loc"][1:] if name in (flags.get("templates") or ())]
        place = "".join(f" for {name}" for name in named)
        raise UsageError(f"{flag}{place} is {first['input']!r}: {message}") from error
