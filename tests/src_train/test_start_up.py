"""What a trainer's process loads."""

import subprocess
import sys

from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import EVENTS_FILE, read_events
from tests.src_train.helpers import make_run

LOOK = """
import sys
from src_train.__main__ import main
code = main(["run", sys.argv[1]])
print(*(name for name in ("torch._dynamo", "torch.distributed.tensor", "sympy", "monai") if name in sys.modules))
sys.exit(code)
"""


def test_a_run_loads_no_compiler(tmp_path):
    make_run(tmp_path, stages=(Stage(size=48, epochs=2),))
    done = subprocess.run([sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    events = read_events(tmp_path / EVENTS_FILE)[0]
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2]
