"""The window opens before anything is loaded that computes."""

import os
import subprocess
import sys

import pytest

from napari_medseg.widgets.launch import HEAVY

pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "linux" and not os.environ.get("DISPLAY"), reason="needs a display"),
]
# nothing of these may hold up the panel; of scipy and skimage, napari itself takes what it needs
LATER = {*HEAVY, "scipy.spatial", "scipy.optimize", "monai", "pyqtgraph", "onnx", "onnxruntime", "openvino", "pydicom"}
LATER |= {"nibabel", "zarr", "pandas", "matplotlib", "src_train", "safetensors.torch", "skimage.morphology"}
CODE = """
import os, sys
from napari_medseg.widgets.launch import open_window
viewer, panel = open_window([])
print(sorted(set(sys.argv[1:]) & set(sys.modules)), flush=True)
os._exit(0)
"""


def test_the_panel_is_there_without_what_computes(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "LIBGL_ALWAYS_SOFTWARE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *sorted(LATER - {"napari_medseg.app.round", "napari_medseg.app.review"})],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-2000:]
