"""Several processes train one model: torchrun or accelerate starts them, one of them writes.

Every process reads the data and judges the annotators by itself, with the same seeds and so with
the same result; only gradients and predictions pass between them. The first writes every file and
speaks to people.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "MASTER_ADDR" in os.environ else 1


def index() -> int:
    """Which of them this is, from 0."""
    return int(os.environ.get("RANK", "0")) if count() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return index() == 0


def _state() -> Any:
    """What accelerate knows of the processes; it makes itself known to them at the first call."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())


@contextmanager
def together() -> Iterator[None]:
    """While it lasts, the processes can talk to one another."""
    if count() == 1:
        yield
        return
    _state()
    yield
    # Only where all went well: after an error the others are elsewhere.
    wait()
    _state().destroy_process_group()


def first(action: Callable[[], object]) -> None:
    """Let the first process do something that the others wait for."""
    if is_first():
        action()
    wait()


def wait() -> None:
    """Until every process has come here."""
    if count() > 1:
        _state().wait_for_everyone()


def anywhere(wish: bool) -> bool:
    """Whether any process wishes it; all of them have to ask."""
    if count() == 1:
        return wish
    import torch

    flag = torch.tensor(int(wish), device=_state().device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)


def total(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum over all processes, for each of them."""
    if count() == 1:
        return values
    import torch

    summed = torch.from_numpy(values).to(_state().device)
    torch.distributed.all_reduce(summed)
    found: npt.NDArray[np.float64] = summed.cpu().numpy()
    return found
