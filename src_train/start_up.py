"""A trainer that starts sooner: nothing is loaded that it does not use."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

import torch

KEPT_OUT = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def without_compiler() -> None:
    """Keep torch's compiler, and sympy with it, from being loaded by the first optimizer that steps.

    Some methods of optimizers are kept out of compiled code, and to be so they load the compiler when they are first
    called: a third of the processor time until the first batch (torch 2.13). Nothing is compiled here, so they are
    called as they are. Where another torch does it otherwise, this does nothing.
    """
    for name in KEPT_OUT:
        with suppress(AttributeError):
            plain: Any = getattr(torch.optim.Optimizer, name).__wrapped__
            # what torch's wrapper looks for before it loads the compiler
            if not hasattr(plain, "__dynamo_disable"):
                setattr(plain, "__dynamo_disable", plain)
    for kind in (torch.optim.Adam, torch.optim.SGD):
        step: Any = kind.step
        # the wrapper turns gradients off for the step, as here; hooks are added by the first optimizer that is made
        if getattr(step, "__name__", "") == "step" and not getattr(step, "hooked", False):
            kind.step = torch.no_grad()(inspect.unwrap(step))
