"""Names of published state dicts, translated to ours.

Facts about layouts only: which tensor of a published file is which tensor here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from napari_medseg.errors import WeightsError
from napari_medseg.networks.blocks.dynamic_conv import GuidedDynamicConv
from napari_medseg.networks.blocks.guidance import StructuralGuidance

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
# LGMSNet: local blocks in encoder1..3, wide blocks in encoder4, 5, Up_conv5 and behind the fusion of Up_conv4
_LOCAL = r"^encoder([123])\.0\."
_WIDE = (
    (r"^encoder([45])\.0\.", r"encoder.{\1-1}."),
    (r"^Up_conv(5)\.(?!conv\.)", r"deepest."),
    (r"^Up_conv(4)\.1\.", r"refine."),
)
_WIDE_PARTS = (
    (r"conv1\.([01])\.", r"enter.\2."),
    (r"conv2\.([01])\.", r"mix.\2."),
    (r"conv_spilt\.dwconv3x3(?:x3)?\.", r"local.0.0."),
    (r"conv_spilt\.bn1\.", r"local.0.1."),
    (r"conv_spilt\.dwconv1x1(?:x1)?\.", r"local.1.0."),
    (r"conv_spilt\.bn2\.", r"local.1.1."),
    (r"transformer\.layers\.0\.0\.norm\.", r"attention.norm."),
    (r"transformer\.layers\.0\.0\.to_qkv\.", r"attention.qkv."),
    (r"transformer\.layers\.0\.0\.to_out\.0\.", r"attention.out."),
    (r"transformer\.layers\.0\.1\.net\.0\.", r"attention.mlp_norm."),
    (r"transformer\.layers\.0\.1\.net\.1\.", r"attention.mlp.0."),
    (r"transformer\.layers\.0\.1\.net\.4\.", r"attention.mlp.2."),
    (r"conv3\.([01])\.", r"join.\2."),
    (r"conv4\.([01])\.", r"leave.\2."),
)
_LGMS_RULES: tuple[tuple[str, str], ...] = (
    (r"^stem\.conv\.([01])\.", r"stem.\1."),
    (_LOCAL + r"norm_act\.0\.", r"encoder.{\1-1}.0.norm."),
    (_LOCAL + r"local_dwc\.", r"encoder.{\1-1}.0.depthwise.parts.0."),
    (_LOCAL + r"global_dwc_s\.", r"encoder.{\1-1}.0.depthwise.parts.1."),
    (_LOCAL + r"global_dwc_m\.", r"encoder.{\1-1}.0.depthwise.parts.2."),
    (_LOCAL + r"global_dwc_l\.", r"encoder.{\1-1}.0.depthwise.parts.3."),
    (_LOCAL + r"conv_1x1_bn\.([01])\.", r"encoder.{\1-1}.0.narrow.\2."),
    (_LOCAL + r"conv_nxn_bn\.([01])\.", r"encoder.{\1-1}.0.widen.\2."),
    (r"^encoder([123])\.1\.([01])\.", r"encoder.{\1-1}.1.\2."),
    *((a + b, c + d) for a, c in _WIDE for b, d in _WIDE_PARTS),
    (r"^Up(\d)\.up\.([12])\.", r"up.{5-\1}.conv.{\2-1}."),
    *(
        (rf"^Up_conv([432])(?:\.0)?\.conv\.{number}\.", rf"fuse.{{4-\1}}.{part}.")
        for part, numbers in (("mix", (0, 2)), ("expand", (3, 5)), ("project", (6, 8)))
        for number, part in zip(numbers, (f"{part}.0", f"{part}.2"), strict=True)
    ),
    (r"^Conv_1x1\.", r"head."),
)
# the two published modules of SGD-Net; the Sobel kernels are fixed and not stored here
_SGE_RULES: tuple[tuple[str, str], ...] = (
    (r"^s4_proj\.conv\.", r"deep.0."),
    (r"^s4_proj\.bn\.", r"deep.1."),
    (r"^s1_proj\.conv\.", r"shallow.0."),
    (r"^s1_proj\.bn\.", r"shallow.1."),
    *(
        (rf"^refine{published}\.refine\.{number}\.", rf"refine_{ours}.refine.{place}.")
        for published, ours in (("4", "deep"), ("1", "shallow"))
        for number, place in ((0, "0.0"), (1, "0.1"), (3, "1.0"), (4, "1.1"), (6, "2.0"), (7, "2.1"))
    ),
    (r"^fuse\.conv\.", r"fuse.0."),
    (r"^fuse\.bn\.", r"fuse.1."),
    (r"^out_edge_map\.", r"edges."),
    (r"^out_guidance\.", r"guidance."),
)
_SGDC_RULES: tuple[tuple[str, str], ...] = (
    (r"^ls1$", r"scale"),
    (r"^ls2$", r"mlp_scale"),
    (r"^proj_guidance\.", r"guide."),
    (r"^attn\.", r"attend."),
    (r"^norm1\.", r"norm."),
    (r"^norm2\.", r"mlp_norm."),
    (r"^dwconv\.", r"local."),
    (r"^mlp\.([02])\.", r"mlp.\1."),
)
# ours are torchvision's names; a newer or older torchvision spells two of them in another way
_DCSNET_RULES: tuple[tuple[str, str], ...] = (
    (r"^detector\.rpn\.head\.conv\.0\.0\.", r"detector.rpn.head.conv."),
    (r"^detector\.backbone\.fpn\.(inner|layer)_blocks\.(\d)\.(?!0\.)", r"detector.backbone.fpn.\1_blocks.\2.0."),
    (r"^", r""),
)
# fixed kernels, and counters of norms that never learn
_DROPPED = {"sge": r"^sobel_[xy]\.", "dcsnet": r"^detector\..*num_batches_tracked$"}
_LAYOUTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "lgms-net": _LGMS_RULES,
    "lgms-net-3d": _LGMS_RULES,
    "sge": _SGE_RULES,
    "sgdc": _SGDC_RULES,
    "dcsnet": _DCSNET_RULES,
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
    return None


def build_module(name: str, state: Mapping[str, Tensor]) -> nn.Module | None:
    """One of SGD-Net's published modules, ``sge`` or ``sgdc``, as wide as a state dict; None for any other name.

    Raises
    ------
    WeightsError
        If the state dict lacks the tensors that tell the widths.
    """
    state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    try:
        if name == "sge":
            (width, deep), shallow = state["s4_proj.conv.weight"].shape[:2], state["s1_proj.conv.weight"].shape[1]
            guidance = state["out_guidance.weight"].shape[0]
            return StructuralGuidance(deep, shallow, width=width, guidance=guidance)
        if name == "sgdc":
            channels, guidance = state["proj_guidance.weight"].shape[:2]
            kernels = state["attn.weight"].shape[0] - 2 * channels
            # the file says how many kernel values there are, not how they divide: 4 heads are the published default
            return GuidedDynamicConv(channels, guidance=guidance, heads=4, kernel_size=round((kernels / 4) ** 0.5))
    except KeyError as error:
        raise WeightsError(
            f"the file lacks the tensor {error}; it is no {name} as published. Check that the file is complete."
        ) from error
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
        if network in _DROPPED and re.match(_DROPPED[network], key):
            continue
        ours = re.sub(r"^encoder(\d)\.up\.conv\.(\d)\.", stage_end, key)
        name = ours if ours != key else _rename(key, rules)
        if name is None or name not in expected:
            raise WeightsError(
                f"tensor '{raw}' is not part of {network} as published; expected the published names. "
                "Check that the file belongs to this network."
            )
        if name in ("scale", "mlp_scale"):
            tensor = tensor.reshape(expected[name].shape)
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
