"""From a weights file to a network and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from napari_medseg.atomic import atomic_path, output_error
from napari_medseg.errors import WeightsError
from napari_medseg.fields import shown
from napari_medseg.networks import create_network, get_spec, list_networks
from napari_medseg.networks.published import build_module, convert_published
from napari_medseg.plain import check_plain
from napari_medseg.weights.eight_bits import own_names, unpacked
from napari_medseg.weights.entry import WeightsEntry
from napari_medseg.weights.pipeline import GRIDS, pipeline_of
from napari_medseg.weights.store import METADATA_KEY, check_file, find_weights, read_entry

TENSORS_KEY = "tensors_sha256"
# last layers of published networks: they tell the number of classes
_HEADS = ("Conv_1x1.weight", "seg_head.main_head.8.weight")


def load_network(network: str, weights: str | Path) -> tuple[nn.Module, WeightsEntry]:
    """Build a network and load its weights, on the CPU, in evaluation mode.

    Parameters
    ----------
    network : str
        Name of the network.
    weights : str or Path
        An id, a task or a path, see :func:`napari_medseg.weights.store.find_weights`.

    Raises
    ------
    UnknownNameError
        If the network or the weights are not registered.
    WeightsError
        If the file is unreadable, belongs to another network, or does not match its checksum.
    """
    entry, path = find_weights(network, weights)
    # whatever is remembered of it: what is loaded is hashed
    entry = check_file(entry, path)
    try:
        # first without memory: what a file says of its network may take more than the machine has
        wanted = {name: tuple(value.shape) for name, value in _build(entry, "meta").state_dict().items()}
    # not only options it lacks: values that make no network
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, ArithmeticError) as error:
        raise WeightsError(
            f"{path} was trained with options {shown(dict(entry.options))} that {network} does not have. "
            "Update napari-medseg."
        ) from error
    try:
        with safe_open(path, "pt") as file:
            told = (file.metadata() or {}).get(TENSORS_KEY)
            names = own_names(file.keys())
            if wanted != {name: tuple(file.get_slice(inside).get_shape()) for name, inside in names.items()}:
                raise _other_tensors(entry, path)
        module = _build(entry, "cpu")
        state = load_file(path)
        if told is not None and tensors_sha256(state) != told:
            raise WeightsError(
                f"the tensors of {path} do not match the checksum {told[:12]}... inside the file: it was changed or "
                "damaged. Fetch the file again, or retrain."
            )
        module.load_state_dict(unpacked(state))
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise _other_tensors(entry, path) from error
    return module.eval(), entry


def _build(entry: WeightsEntry, device: str) -> nn.Module:
    with torch.device(device):
        return create_network(entry.network, classes=entry.output_channels, **entry.options)


def _other_tensors(entry: WeightsEntry, path: Path) -> WeightsError:
    return WeightsError(
        f"{path} does not hold the tensors of {entry.network} with {len(entry.classes)} class(es). "
        "Choose weights of this network, or fetch the file again."
    )


def tensors_sha256(state: Mapping[str, Tensor]) -> str:
    """One hash over names and values of tensors."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = state[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(f"{name}:".encode())
        digest.update(values.numpy())
    return digest.hexdigest()


def save_weights(path: str | Path, module: nn.Module, entry: WeightsEntry) -> WeightsEntry:
    """Write a network's weights with their entry inside, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends in ``.safetensors``; an existing file is replaced.
    module : nn.Module
    entry : WeightsEntry
        ``size_bytes``, ``sha256`` and ``file`` are filled in on return.

    Returns
    -------
    WeightsEntry
        As read back from the file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    return save_state(path, module.state_dict(), entry)


def save_state(path: str | Path, state: Mapping[str, Tensor], entry: WeightsEntry) -> WeightsEntry:
    """As :func:`save_weights`, from a state dict."""
    path = Path(path)
    inside = replace(entry.declared_now(), size_bytes=0, sha256="", file="").to_dict()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    metadata = {METADATA_KEY: json.dumps(inside, sort_keys=True), TENSORS_KEY: tensors_sha256(tensors)}
    blob = save(tensors, metadata=metadata)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(blob)
    return read_entry(path)


def read_state(path: str | Path) -> Mapping[str, Tensor]:
    """The state dict in a file that others wrote.

    Parameters
    ----------
    path : str or Path
        A .safetensors file, or a .pt/.pth file that holds tensors only (read with ``weights_only=True``).

    Raises
    ------
    WeightsError
        If the file cannot be read safely, or holds something else.
    """
    source = Path(path)
    try:
        check_plain(source)
    except OSError as error:
        raise WeightsError(
            f"{source} cannot be read ({str(error.strerror).lower()}); expected a file of tensors. Check the path."
        ) from error
    try:
        if source.suffix == ".safetensors":
            loaded: object = load_file(source)
        else:
            loaded = torch.load(source, map_location="cpu", weights_only=True)
    # torch raises UnpicklingError, RuntimeError, EOFError, ... for the many ways in which a file can be no state dict
    except Exception as error:
        raise WeightsError(
            f"{source} cannot be read as a state dict of tensors ({type(error).__name__}). "
            "Save it with torch.save(model.state_dict(), file) and try again."
        ) from error
    state = loaded
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise WeightsError(f"{source} holds no state dict of tensors. Save model.state_dict() and try again.")
    return state


def import_published(
    source: str | Path, network: str, out: str | Path, *, task: str = "imported", pipeline: str | None = None
) -> WeightsEntry:
    """Convert a state dict saved by published code to a weights file of ours.

    Parameters
    ----------
    source : str or Path
        A .safetensors file, or a .pt/.pth file that holds tensors only (read with ``weights_only=True``).
    network : str
        Name of our network, or ``sge`` or ``sgdc`` for a module of SGD-Net alone.
    out : str or Path
        The .safetensors file to write.
    task : str
        Task to name in the entry.
    pipeline : str, optional
        How intensities went in when it was trained, one of :data:`napari_medseg.weights.pipeline.PIPELINES`; default:
        as the network's published loader did it.

    Raises
    ------
    UnknownNameError
        If there is no such pipeline.
    WeightsError
        If the file cannot be read safely or does not hold this network.
    OutputError
        If ``out`` cannot be written.
    """
    source = Path(source)
    state = read_state(source)
    head = next((value for name, value in state.items() if name.endswith(_HEADS)), None)
    classes = 1 if head is None else int(head.shape[0]) if head.ndim else 0
    if classes < 1:
        raise WeightsError(f"the last layer in {source} has no output. Save model.state_dict() and try again.")
    try:
        module = build_module(network, state) or create_network(network, classes=classes)
        converted = convert_published(network, state, module.state_dict())
    except WeightsError as error:
        raise WeightsError(f"{source} does not hold {network} as published: {error}") from error
    names = ("foreground",) if classes == 1 else tuple(f"class {i}" for i in range(1, classes))
    facts: dict[str, Any] = {"source": source.name, "layout": "published"}
    told: dict[str, Any] = {}
    # modules of a network take no pixels
    if network in list_networks():
        facts["pipeline"], intensity = pipeline_of(network, pipeline)
        spec = get_spec(network)
        told = {"options": dict(spec.options), "intensity": intensity, "input_size": spec.input.size}
        told |= GRIDS.get(facts["pipeline"], {})
    entry = WeightsEntry(
        id=f"{network}/{task}@1",
        network=network,
        task=task,
        licence="unknown",
        classes=names,
        training=facts,
        **told,
    )
    return save_state(out, converted, entry)
