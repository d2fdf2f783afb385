"""``medseg weights pack`` and ``install``: from one computer to another."""

from napari_medseg.weights import list_weights
from napari_medseg.weights.home import LIST_FILE, home_folder
from tests.cli.helpers import save_fresh
from tests.shipped import shipped


def test_pack_and_install_on_the_command_line(medseg, tmp_path):
    own = save_fresh(tmp_path / "own.safetensors", "cmunext-xxs", id="cmunext-xxs/teeth@1", task="teeth")
    entry = list_weights(network="sgd-net-s")[0]
    code, out, _ = medseg("weights", "pack", own, entry.id, "--out", tmp_path / "p.zip")
    assert code == 0
    assert "cmunext-xxs/teeth@1  0.2 MB  local" in out
    assert f"{entry.id}  {entry.size_bytes / 1e6:.1f} MB  research-only" in out
    code, out, err = medseg("weights", "install", tmp_path / "p.zip")
    assert (code, "there already" in err) == (0, True)
    assert f"cmunext-xxs/teeth@1  {home_folder()}" in out
    assert "cmunext-xxs/teeth@1" in medseg("weights", "list")[1]
    code, _, err = medseg("weights", "pack", "cmunext-xxs/teeth@1", "--out", tmp_path / "p.zip")
    assert (code, "exists already" in err) == (2, True)
    assert medseg("weights", "pack", "cmunext-xxs/teeth@1", "--out", tmp_path / "p.zip", "--overwrite")[0] == 0
    (home_folder() / LIST_FILE).write_text("{")
    code, out, err = medseg("weights", "list")
    assert code == 0
    assert shipped("cmunext-xxs/nuclei") in out
    assert "is no JSON" in err
