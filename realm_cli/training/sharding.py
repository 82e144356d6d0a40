"""Weights, gradients and optimizer spread over processes (FSDP2), and put together again.

What is trained is a copy, for a module that was spread out cannot be made whole in place; the
original waits in main memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch.distributed.tensor import DTensor

from realm_cli.training.module import RealmModule


@contextmanager
def sharded(module: RealmModule) -> Iterator[RealmModule]:
    """A copy to train; the original has its weights once the block ends well."""
    device = module.language_model.device
    copy = deepcopy(module)
    module.cpu()
    yield copy
    _gather(copy, module)
    module.to(device)


@torch.no_grad()
def _gather(copy: RealmModule, module: RealmModule) -> None:
    """Every process gets all of every weight, one after the other."""
    found = dict(copy.named_parameters())
    for name, whole in module.named_parameters():
        part = found[name]
        whole.copy_(part.full_tensor() if isinstance(part, DTensor) else part)
