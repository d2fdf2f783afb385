"""Nothing leaves the computer: window, proposals, engines, a training, exports, and every socket but loopback refused.

Each Python process that takes part, also the trainer and what measures engines, loads the guard by itself and writes
down what it refused: a library that swallows the error is found all the same. What libraries do in C is not seen.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

GUARD = '''
"""Loaded by every Python that starts with this folder on its path."""
import ipaddress, os, socket, sys, traceback

def _loopback(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

def _refuse(what, target):
    with open(os.environ["AIR_GAP_LOG"], "a") as log:
        log.write(f"{sys.argv} {what} {target}\\n{''.join(traceback.format_stack()[-8:])}\\n")
    raise OSError(f"no network here: {what} {target}")

def _guarded(name):
    real = getattr(socket.socket, name)
    def call(self, *arguments):
        target = arguments[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _loopback(target[0]):
            _refuse(name, target)
        return real(self, *arguments)
    return call

class Guarded(socket.socket):
    connect, connect_ex, sendto = map(_guarded, ("connect", "connect_ex", "sendto"))

def _asked(name):
    real = getattr(socket, name)
    def call(host, *more, **options):
        if not _loopback(host):
            _refuse(name, host)
        return real(host, *more, **options)
    return call

socket.socket = socket.SocketType = Guarded
for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, _name, _asked(_name))
with open(os.environ["AIR_GAP_LOG"] + ".loaded", "a") as log:
    log.write(" ".join(sys.orig_argv) + "\\n")
'''

LOOP = """
import sys, time
from pathlib import Path
from qtpy.QtWidgets import QApplication
from napari_medseg.app import plan_round
from napari_medseg.app.demo import run_demo
from napari_medseg.app.export_model import export_model
from napari_medseg.app.samples import samples_of
from napari_medseg.inference.engines.background import BACKGROUND
from napari_medseg.weights import list_weights
from napari_medseg.widgets.launch import open_window

out = Path(sys.argv[1])

def until(true):
    end = time.monotonic() + 120
    while not true():
        QApplication.processEvents()
        time.sleep(0.01)
        assert time.monotonic() < end

viewer, panel = open_window([samples_of("nuclei")[0].image])
small = next(entry.id for entry in list_weights(network="cmunext-xxs") if entry.task == "nuclei")
until(lambda: panel.propose.current_image() is not None)
panel.propose.choice.choose("nuclei", small)
for _ in range(3):
    until(panel.propose.run.isEnabled)
    panel.propose.run.click()
    until(panel.propose.run.isEnabled)
    # the second one begins a measurement, the third is by what it chose
    BACKGROUND.wait()
assert "here" in panel.propose.engine.text(), panel.propose.engine.text()
plan_round.LEAST_DRAWN, plan_round.LEAST_ANCHORS = 4, 2
assert run_demo(out / "demo", epochs=1).written
assert export_model("cmunext-xxs", "nuclei", out / "m.onnx", size=64)
panel.shut_down()
viewer.close()
print("done")
"""


def guarded(folder, code, *arguments, **environment):
    """Run code with the guard in all its processes; the result, what was refused, and who was guarded."""
    (folder / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    log, home = folder / "refused.log", folder / "home"
    home.mkdir()
    names = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    env = {**os.environ, **dict.fromkeys((*names, "XDG_STATE_HOME"), str(home)), **environment}
    env |= {"AIR_GAP_LOG": str(log), "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True, timeout=280
    )
    refused = log.read_text(encoding="utf-8") if log.exists() else ""
    return done, refused, Path(f"{log}.loaded").read_text(encoding="utf-8")


@pytest.mark.gui
@pytest.mark.slow
def test_nothing_leaves_the_computer(tmp_path):
    done, refused, loaded = guarded(tmp_path, LOOP, str(tmp_path), MEDSEG_ENGINE="auto")
    assert done.returncode == 0, done.stderr[-4000:]
    assert refused == ""
    # those processes took part, and were guarded
    assert "src_train run" in loaded
    assert "napari_medseg.inference.engines" in loaded
    # where OpenVINO's telemetry would write down the number of this computer
    assert not [path for path in (tmp_path / "home").rglob("*") if path.name.lower() == "intel"]


TRIES = """
import socket, threading, urllib.request
from contextlib import suppress
def ask():
    with suppress(Exception):
        urllib.request.urlopen("http://example.org", timeout=5)
    with suppress(Exception):
        socket.socket().connect(("192.0.2.1", 80))
    with suppress(Exception):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
thread = threading.Thread(target=ask)
thread.start()
thread.join()
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
"""


def test_the_guard_sees_what_is_swallowed_and_lets_loopback_pass(tmp_path):
    done, refused, _ = guarded(tmp_path, TRIES)
    assert done.returncode == 0, done.stderr
    assert "getaddrinfo example.org" in refused
    assert "connect ('192.0.2.1', 80)" in refused
    assert "sendto ('192.0.2.1', 53)" in refused
    assert "127.0.0.1" not in refused
