"""CMUNeXt-XXS in eight bits: ``python benchmarks/int8.py DATA [--json FILE]``.

For each of the four tasks the shipped file is exported, quantised in several ways, and held against OpenVINO in
float32, which is what serves now: Dice on val (what is lost, with a bootstrap interval over the same images) and the
time of a pass at the file's input size, batch 1, all taking turns. Calibrated on ``--calibration`` images of train.
Eight bits are offered where a pass is quicker by what an engine must gain (1.1 times) and at most half a point of Dice
is lost; this says which way, if any, does.

Needs NNCF (``pip install nncf``), or does ONNX Runtime's ways alone. NNCF would report its use by openvino_telemetry,
which is kept from being imported, as the product does.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from facts import report
from torch import Tensor, nn
from train_bundled import read_split

from napari_medseg.inference import Predictor
from napari_medseg.inference.engines import onnx_runtime, open_vino
from napari_medseg.inference.engines.export import INPUT, to_onnx
from napari_medseg.inference.engines.measure import LEAST_GAIN
from napari_medseg.io import read_image, read_mask
from napari_medseg.metrics import dice
from napari_medseg.networks import SegmentationOutput, get_spec, prepare_for_inference
from napari_medseg.weights import load_network

# nothing of OpenVINO has been imported yet
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

NETWORK = "cmunext-xxs"
SETS = {"nuclei": "dsb2018_nuclei", "dermoscopy": "isic2017", "breast-ultrasound": "busi", "polyp": "kvasir_seg"}
COLUMNS = (
    *("task", "how", "runs in", "convolutions", "n", "dice_float", "dice_int8", "lost_points", "lost_low", "lost_high"),
    *("float_ms", "int8_ms", "ratio", "cpu_ratio", "kept"),
)
# points of Dice
MOST_LOST = 0.5
Run = Callable[[np.ndarray], list[np.ndarray]]


class Through(nn.Module):
    """What a predictor takes for its network: a function of an array, or one that only looks at what comes in."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment (1, 3, H, W)."""
        return SegmentationOutput(torch.from_numpy(self.run(image.contiguous().numpy())[0]))


def compiled(model: Any, threads: int, rest: str = "f32") -> tuple[Run, str]:
    """An OpenVINO model as a function, and how many of its convolutions run in eight bits; the rest in ``rest``."""
    import openvino

    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": rest}
    found = openvino.Core().compile_model(model, "CPU", options)
    facts = [op.get_rt_info() for op in found.get_runtime_model().get_ops()]
    kinds = [(one["layerType"].astype(str), one["runtimePrecision"].astype(str)) for one in facts]
    told = [precision for kind, precision in kinds if "Convolution" in kind]
    return as_run(found), f"{sum(precision in ('u8', 'i8') for precision in told)} of {len(told)}"


def as_run(model: Any) -> Run:
    """A compiled model as a function of the image."""
    request = model.create_infer_request()

    def run(image: np.ndarray) -> list[np.ndarray]:
        request.infer({0: image}, share_inputs=True)
        return [np.array(request.get_output_tensor(0).data)]

    return run


def ends_of(model: Any) -> list[str]:
    """Names of the first and the last convolutions of an OpenVINO model, and of the depthwise ones."""
    kinds = [(op.get_friendly_name(), op.get_type_name()) for op in model.get_ordered_ops()]
    plain = [name for name, kind in kinds if kind == "Convolution"]
    return [plain[0], plain[-1], *(name for name, kind in kinds if kind == "GroupConvolution")]


def by_nncf(model: Any, inputs: list[np.ndarray], how: str, quality: Callable[[Run], float], threads: int) -> Any:
    """An OpenVINO model quantised by NNCF."""
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    data = nncf.Dataset(inputs)
    common: dict[str, Any] = {"subset_size": len(inputs), "preset": nncf.QuantizationPreset.MIXED}
    advanced = nncf.AdvancedQuantizationParameters
    if how == "NNCF, symmetric":
        return nncf.quantize(model, data, subset_size=len(inputs), preset=nncf.QuantizationPreset.PERFORMANCE)
    if how == "NNCF":
        return nncf.quantize(model, data, **common)
    if how == "NNCF, careful bias":
        return nncf.quantize(model, data, fast_bias_correction=False, **common)
    if how == "NNCF, percentiles":
        ranges = RangeEstimatorParametersSet.MEAN_QUANTILE
        chosen = advanced(activations_range_estimator_params=ranges)
        return nncf.quantize(model, data, advanced_parameters=chosen, **common)
    if how == "NNCF, smooth":
        smooth = nncf.AdvancedSmoothQuantParameters(convolution=0.5, matmul=0.5)
        return nncf.quantize(model, data, advanced_parameters=advanced(smooth_quant_alphas=smooth), **common)
    if how == "NNCF, ends and depthwise in float":
        scope = nncf.IgnoredScope(names=ends_of(model))
        return nncf.quantize(model, data, ignored_scope=scope, **common)
    assert how == "NNCF, layers back until accurate"

    def score(found: Any, _: Iterable[Any]) -> tuple[float, None]:
        return quality(as_run(found)), None

    return nncf.quantize_with_accuracy_control(
        model, data, nncf.Dataset([0]), score, max_drop=MOST_LOST / 100, **common
    )


def by_onnx_runtime(model: bytes, inputs: list[np.ndarray], method: str) -> bytes:
    """An ONNX file quantised by ONNX Runtime, by channel, QDQ."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(inputs)

        def get_next(self) -> dict[str, np.ndarray] | None:
            found = next(self._left, None)
            return None if found is None else {INPUT: found}

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("float.onnx", "ready.onnx", "int8.onnx")]
        paths[0].write_bytes(model)
        quant_pre_process(str(paths[0]), str(paths[1]))
        quantize_static(
            str(paths[1]),
            str(paths[2]),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )
        return paths[2].read_bytes()


NNCF_WAYS = (
    "NNCF",
    "NNCF, symmetric",
    "NNCF, percentiles",
    "NNCF, ends and depthwise in float",
)
# the first two change no pixel of what plain NNCF gives; the last takes minutes, to lose less, not to be quick
MORE_WAYS = ("NNCF, careful bias", "NNCF, smooth", "NNCF, layers back until accurate")
ORT_WAYS = {"ONNX Runtime, entropy": "Entropy", "ONNX Runtime, percentiles": "Percentile"}


def scores(run: Run, entry: Any, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Dice of each image."""
    predictor = Predictor(Through(run), get_spec(NETWORK), entry, device="cpu")
    return np.array([dice(predictor.predict(image).labels > 0, mask > 0) for image, mask in pairs])


def take_turns(runs: dict[str, Run], image: np.ndarray, repeats: int) -> dict[str, tuple[float, float]]:
    """Medians (wall, CPU) of a pass, ms."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run(image)
            if turn > 1:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: (1000 * median(w for w, _ in t), 1000 * median(c for _, c in t)) for name, t in times.items()}


def quantised(
    model: bytes, inputs: list[np.ndarray], quality: Callable[[Run], float], threads: int, *, all_ways: bool
) -> dict[str, tuple[Run, str]]:
    """All ways, by name and by what runs them, with the share of convolutions in eight bits where it is known."""
    import openvino

    # no eight bits, but half of the numbers' width for nothing, where a processor has them
    runs = {"bfloat16|OpenVINO": compiled(openvino.Core().read_model(model), threads, "bf16")}
    if importlib.util.find_spec("nncf") is not None:
        for how in (*NNCF_WAYS, *(MORE_WAYS if all_ways else ())):
            found = by_nncf(openvino.Core().read_model(model), inputs, how, quality, threads)
            runs[f"{how}|OpenVINO"] = compiled(found, threads)
    for how, method in ORT_WAYS.items():
        # entropy and percentiles keep histograms of all maps of all images
        small = by_onnx_runtime(model, inputs[:24], method)
        if all_ways:
            # several times slower than in ONNX Runtime
            runs[f"{how}|OpenVINO"] = compiled(openvino.Core().read_model(small), threads)
        runs[f"{how}|ONNX Runtime"] = onnx_runtime.prepare(small, threads), ""
    return runs


def read_pairs(data: Path, name: str, part: str, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and masks, evenly from the whole list."""
    pairs = read_split(data, name, part)
    return [(read_image(p.image).data, read_mask(Path(p.mask))) for p in pairs[:: max(1, len(pairs) // most)][:most]]


def rows_of(task: str, options: argparse.Namespace) -> list[tuple[Any, ...]]:
    """One task, all ways."""
    module, entry = load_network(NETWORK, task)
    network, spec = prepare_for_inference(module), get_spec(NETWORK)
    sides = entry.input_size or spec.input.size
    model = to_onnx(network, spec, (1, 3, *sides))
    train = read_pairs(options.data, SETS[task], "train", options.calibration)
    val = read_pairs(options.data, SETS[task], "val", options.images)
    inputs: list[np.ndarray] = []

    def look(image: np.ndarray) -> list[np.ndarray]:
        inputs.append(image.copy())
        return [np.zeros((1, 1, *image.shape[2:]), np.float32)]

    scores(look, entry, train)
    plain = open_vino.prepare(model, options.threads)
    # the layers that go back to float are chosen on train, never on val
    few = train[: options.accurate]
    ways = {
        "float32|OpenVINO": (plain, ""),
        **quantised(
            model, inputs, lambda run: float(scores(run, entry, few).mean()), options.threads, all_ways=options.all_ways
        ),
    }
    runs = {name: run for name, (run, _) in ways.items()}
    times = take_turns(runs, inputs[0], options.repeats)
    wanted, base = scores(plain, entry, val), times["float32|OpenVINO"]
    draws = np.random.default_rng(0).integers(0, len(val), (2000, len(val)))
    rows = []
    for name, run in runs.items():
        how, _, engine = name.partition("|")
        found = wanted if run is plain else scores(run, entry, val)
        lost = 100 * (wanted - found)
        low, high = np.percentile(lost[draws].mean(axis=1), (2.5, 97.5))
        ratio, cpu_ratio = base[0] / times[name][0], base[1] / times[name][1]
        kept = run is not plain and lost.mean() <= MOST_LOST and cpu_ratio >= LEAST_GAIN
        figures = (
            wanted.mean(),
            found.mean(),
            *(round(float(one), 2) for one in (lost.mean(), low, high)),
            base[0],
            times[name][0],
            ratio,
            cpu_ratio,
        )
        rows.append(
            (task, how, engine, ways[name][1], len(val), *(round(float(one), 4) for one in figures), bool(kept))
        )
        print(*rows[-1], flush=True)
    return rows


def main() -> None:
    """Quantise each task's file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--calibration", type=int, default=64)
    parser.add_argument("--accurate", type=int, default=24, help="images of train that decide on layers in float")
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--all-ways", action="store_true", help="those too that gain nothing by what was measured")
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [row for task in options.task for row in rows_of(task, options)]
    print()
    report(COLUMNS, rows, json_path=options.json)


if __name__ == "__main__":
    main()
