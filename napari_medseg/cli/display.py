"""Is there a screen? Qt does not raise where there is none, it ends the process."""

from __future__ import annotations

import os
import subprocess
import sys

from napari_medseg.errors import InputError

_PROBE = "from qtpy.QtWidgets import QApplication; QApplication([])"
_SECONDS = 60.0


def check_display() -> None:
    """Make sure that a window can be opened, before Qt is asked to.

    Raises
    ------
    InputError
        If there is no display, or it cannot be opened.
    """
    if sys.platform != "linux":
        return
    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if not name and not os.environ.get("QT_QPA_PLATFORM"):
        raise InputError(
            "there is no display (DISPLAY and WAYLAND_DISPLAY are empty); expected a screen for the window. "
            "Log in with a desktop, connect by 'ssh -X', or use the commands without a window, see 'medseg --help'."
        )
    # the display may be gone, closed to this user, or a library of it missing: another process finds out, and may abort
    try:
        found = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise _cannot_open(name, "it does not answer") from None
    if found.returncode:
        lines = [line.strip() for line in found.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise _cannot_open(name, lines[0] if lines else f"Qt ended with {found.returncode}")


def _cannot_open(name: str | None, reason: str) -> InputError:
    display = name or os.environ.get("QT_QPA_PLATFORM")
    return InputError(
        f"the display '{display}' cannot be opened ({reason.rstrip('.')}); expected a screen for the window. "
        "Log in with a desktop, or use the commands without a window, see 'medseg --help'."
    )
