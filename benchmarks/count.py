"""Parameters and multiply-accumulates beside the papers': ``python benchmarks/count.py [--json FILE]``.

Needs thop and fvcore, which nothing else here uses: ``pip install thop fvcore``. thop counts convolutions and linear
layers, 2 an element of a batch norm and 11 an up-sampled element, no attention products; fvcore counts those too.
Networks that look into boxes are counted with 1000 proposals and one box, as the paper's figure was: backbone and
proposals, box head, one box of the segmentation head.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from pathlib import Path
from typing import Any

import torch
from facts import report
from fvcore.nn import FlopCountAnalysis
from thop import profile

from napari_medseg.networks import create_network, get_spec, list_networks


def count_thop(module: torch.nn.Module, *inputs: Any) -> float:
    """MACs by thop."""
    with contextlib.redirect_stdout(io.StringIO()):
        return float(profile(module, inputs=inputs, verbose=False)[0])


class Maps(torch.nn.Module):
    """A network whose output fvcore can follow: plain tensors."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Mask, and edges where there are some."""
        out = self.network(x)
        return (out.logits,) if out.edge_logits is None else (out.logits, out.edge_logits)


def count_fvcore(module: torch.nn.Module, *inputs: Any) -> float:
    """MACs by fvcore."""
    counted = FlopCountAnalysis(Maps(module), inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return float(counted.total())


def detector_thop(network: torch.nn.Module, x: torch.Tensor) -> float:
    """A detector in its parts: what hangs on the number of boxes is counted for the paper's number of them."""
    detector = network.detector
    maps = detector.backbone(x)
    body = count_thop(detector.backbone, x) + sum(count_thop(detector.rpn.head, m) for m in maps)
    head = count_thop(detector.roi_heads.box_head, torch.zeros(1000, maps[0].shape[1], 7, 7))
    head += count_thop(
        detector.roi_heads.box_predictor, torch.zeros(1000, detector.roi_heads.box_head.fc7.out_features)
    )
    segment = count_thop(network.seg_head, maps, [torch.tensor([[20.0, 20, 200, 200]])])
    # published inference runs the heads for training too; ours leaves them out
    full = torch.zeros(1, network.seg_head.level_embed.shape[1], 64, 64)
    teaching = (*network.seg_head.decoder_level_heads, network.seg_head.edge_head)
    return body + head + segment + sum(count_thop(each, full) for each in teaching)


def main() -> None:
    """Count all networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list_networks())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.networks:
        spec = get_spec(name)
        network = create_network(name, classes=spec.classes).eval()
        x = torch.zeros(1, spec.input.channels, *spec.input.size)
        parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
        with torch.no_grad():
            found = detector_thop(network, x) if spec.capabilities.boxes else count_thop(network, x)
            fresh = create_network(name, classes=spec.classes).eval()
            fvcore = float("nan") if spec.capabilities.boxes else count_fvcore(fresh, x)
        told = "" if spec.macs_256 is None else round(spec.macs_256 / 1e9, 3)
        rows.append(
            (
                name, parameters, spec.parameters, " x ".join(map(str, spec.input.size)),
                round(found / 1e9, 3), round(fvcore / 1e9, 3), told, spec.macs_tool or "",
            )
        )  # fmt: skip
        print(*rows[-1], flush=True)
    print()
    report(
        ("network", "parameters", "spec", "input", "thop G", "fvcore G", "spec G", "tool"), rows, json_path=options.json
    )


if __name__ == "__main__":
    main()
