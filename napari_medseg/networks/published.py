"""Names of published state dicts, translated to ours.

Facts about layouts only: which tensor of a published file is which tensor here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from napari_medseg.errors import WeightsError

# Mobile-CMUNeXt of February 2025: two depthwise convolutions in a block, listed as block.i.0 and block.i.1
_XXS_RULES: tuple[tuple[str, str], ...] = (
    (r"^stem\.conv\.(\d)\.", r"stem.\1."),
    (r"^encoder(\d)\.block\.(\d+)\.([01])\.fn\.(\d)\.", r"encoder.{\1-1}.\2.depthwise.\3.\4."),
    (r"^encoder(\d)\.block\.(\d+)\.2\.", r"encoder.{\1-1}.\2.expand.0."),
    (r"^encoder(\d)\.block\.(\d+)\.4\.", r"encoder.{\1-1}.\2.expand.2."),
    (r"^encoder(\d)\.block\.(\d+)\.5\.", r"encoder.{\1-1}.\2.project.0."),
    (r"^encoder(\d)\.block\.(\d+)\.7\.", r"encoder.{\1-1}.\2.project.2."),
    (r"^Up(\d)\.up\.(\d)\.", r"up.{5-\1}.conv.{\2-1}."),
    (r"^Up_conv(\d)\.conv\.([02])\.", r"fuse.{5-\1}.mix.\2."),
    (r"^Up_conv(\d)\.conv\.3\.", r"fuse.{5-\1}.expand.0."),
    (r"^Up_conv(\d)\.conv\.5\.", r"fuse.{5-\1}.expand.2."),
    (r"^Up_conv(\d)\.conv\.6\.", r"fuse.{5-\1}.project.0."),
    (r"^Up_conv(\d)\.conv\.8\.", r"fuse.{5-\1}.project.2."),
    (r"^Conv_1x1\.", r"head."),
)
# the family: one depthwise convolution, block.i.0, so that the bottleneck counts from 1
_FAMILY_RULES: tuple[tuple[str, str], ...] = (
    _XXS_RULES[0],
    (r"^encoder(\d)\.block\.(\d+)\.0\.fn\.(\d)\.", r"encoder.{\1-1}.\2.depthwise.0.\3."),
    (r"^encoder(\d)\.block\.(\d+)\.1\.", r"encoder.{\1-1}.\2.expand.0."),
    (r"^encoder(\d)\.block\.(\d+)\.3\.", r"encoder.{\1-1}.\2.expand.2."),
    (r"^encoder(\d)\.block\.(\d+)\.4\.", r"encoder.{\1-1}.\2.project.0."),
    (r"^encoder(\d)\.block\.(\d+)\.6\.", r"encoder.{\1-1}.\2.project.2."),
    *_XXS_RULES[6:],
)
_LAYOUTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cmunext-xxs": _XXS_RULES,
    "cmunext-s": _FAMILY_RULES,
    "cmunext": _FAMILY_RULES,
    "cmunext-l": _FAMILY_RULES,
}


def _rename(key: str, rules: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, template in rules:
        match = re.match(pattern, key)
        if match:
            name = match.expand(template) + key[match.end() :]
            # stages and layers count from other ends: resolve '{a-b}' to the number
            return re.sub(r"\{(\d+)-(\d+)\}", lambda m: str(int(m[1]) - int(m[2])), name)
    # the deepest published stage is named encoder5 in both layouts; the stage's own convolution is 'up'
    return None


def convert_published(network: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a state dict saved by published code.

    Parameters
    ----------
    network : str
        Name of our network.
    state : mapping of str to Tensor
        The published state dict; a leading ``module.`` is dropped.
    expected : mapping of str to Tensor
        The state dict of our network, for names and shapes.

    Returns
    -------
    dict of str to Tensor
        Ready for ``load_state_dict``.

    Raises
    ------
    WeightsError
        If no layout is known for the network, or a tensor is unknown, missing or of another shape.
    """
    if network not in _LAYOUTS:
        known = ", ".join(_LAYOUTS)
        raise WeightsError(f"network is '{network}'; a published layout is known for: {known}. Choose one of these.")
    rules = _LAYOUTS[network]
    stage_end: Callable[[re.Match[str]], str] = lambda m: (  # noqa: E731 - reads as one rule of the table above
        f"encoder.{int(m[1]) - 1}.{_depth(expected, int(m[1]) - 1)}.{m[2]}."
    )
    converted: dict[str, Tensor] = {}
    for raw, tensor in state.items():
        key = raw.removeprefix("module.")
        ours = re.sub(r"^encoder(\d)\.up\.conv\.(\d)\.", stage_end, key)
        name = ours if ours != key else _rename(key, rules)
        if name is None or name not in expected:
            raise WeightsError(
                f"tensor '{raw}' is not part of {network} as published; expected names such as "
                "'stem.conv.0.weight'. Check that the file belongs to this network."
            )
        if tensor.shape != expected[name].shape:
            raise WeightsError(
                f"tensor '{raw}' has shape {tuple(tensor.shape)}; {network} expects "
                f"{tuple(expected[name].shape)}. Check that the file belongs to this network."
            )
        converted[name] = tensor
    missing = [name for name in expected if name not in converted and not name.endswith("num_batches_tracked")]
    if missing:
        raise WeightsError(
            f"the file lacks {len(missing)} tensors of {network}, first '{missing[0]}'; expected all. "
            "Check that the file is complete and belongs to this network."
        )
    for name, tensor in expected.items():
        converted.setdefault(name, tensor)
    return converted


def _depth(expected: Mapping[str, Tensor], stage: int) -> int:
    """Blocks of a stage: its closing convolution comes after them."""
    return max(int(name.split(".")[2]) for name in expected if name.startswith(f"encoder.{stage}."))
