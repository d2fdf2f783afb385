"""OpenVINO reports nothing: what would is never loaded."""

import os
import subprocess
import sys

CODE = """
import socket, sys
from importlib.util import find_spec
assert find_spec("openvino_telemetry"), "where pip does not install it any more, this test can go"
asked = []
def refused(*target, **more):
    asked.append(target)
    raise OSError("there is no network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refused
from napari_medseg.inference.engines.open_vino import _openvino
openvino = _openvino()
# what would report, if it could
openvino.convert_model
import openvino.tools.ovc as ovc
ovc.telemetry.send_event("ovc", "import", "a test")
assert sys.modules["openvino_telemetry"] is None
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules)
import time; time.sleep(0.3)
assert not asked, asked
"""


def test_openvino_is_loaded_without_its_telemetry(tmp_path):
    # where it would write down the number of this computer
    home = {name: str(tmp_path) for name in ("HOME", "USERPROFILE")}
    done = subprocess.run([sys.executable, "-c", CODE], env={**os.environ, **home}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not [path for path in tmp_path.rglob("*") if "intel" in path.name.lower()]
