"""Weights go from one computer to another: all of a pack or nothing, and nothing that is not what it says."""

import json
import os
import shutil
import stat
import sys
import zipfile
from dataclasses import replace

import pytest
import torch

from napari_medseg.errors import InputError, OutputError, UnknownNameError, WeightsError
from napari_medseg.networks import create_network
from napari_medseg.weights import WeightsEntry, list_weights, load_network, resolve_weights, save_weights
from napari_medseg.weights.home import home_folder, installed
from napari_medseg.weights.pack import PACK_FILE, install_weights, pack_weights
from tests.shipped import shipped

ENTRY = WeightsEntry(id="cmunext-xxs/teeth@1", network="cmunext-xxs", task="teeth", trained_on=("a",))


def trained(path, seed=0, **changes):
    torch.manual_seed(seed)
    return save_weights(path, create_network("cmunext-xxs").eval(), replace(ENTRY, **changes))


@pytest.fixture
def own(tmp_path):
    trained(tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


@pytest.fixture
def pack(own, tmp_path):
    """A folder with a bundled file and one's own."""
    pack_weights([shipped("cmunext-xxs/nuclei"), str(own)], tmp_path / "pack")
    return tmp_path / "pack"


def zipped(folder, path, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as file:
        for one in sorted(folder.iterdir()):
            file.write(one, one.name)
    return path


def listing(pack):
    return json.loads((pack / PACK_FILE).read_text())


def relist(pack, **changes):
    """The pack with another entry for one's own file."""
    values = listing(pack)
    values["weights"][1].update(changes)
    (pack / PACK_FILE).write_text(json.dumps(values))
    return pack


def nothing_is_there():
    return not installed() and [p.name for p in home_folder().iterdir() if p.name != ".lock"] == []


@pytest.mark.parametrize("kind", ["folder", "zip", "deflated", "file"])
def test_a_pack_is_installed_and_found_by_id_and_task(pack, own, tmp_path, kind):
    source = {
        "folder": lambda: pack,
        "zip": lambda: zipped(pack, tmp_path / "p.zip"),
        "deflated": lambda: zipped(pack, tmp_path / "p.zip", zipfile.ZIP_DEFLATED),
        "file": lambda: own,
    }[kind]()
    assert not home_folder().exists()
    found = {one.entry.id: one for one in install_weights(source)}
    shutil.rmtree(pack)
    one = found["cmunext-xxs/teeth@1"]
    assert not one.before
    assert one.path.parent == home_folder()
    assert one.path.read_bytes() == own.read_bytes()
    if kind != "file":
        assert found[shipped("cmunext-xxs/nuclei")].before
    assert "cmunext-xxs/teeth@1" in [entry.id for entry in list_weights(network="cmunext-xxs")]
    for name in ("cmunext-xxs/teeth@1", "teeth", "cmunext-xxs/teeth"):
        _, entry = load_network("cmunext-xxs", name)
        assert (entry.trained_on, entry.task) == (("a",), "teeth")
    # and once more: it is there
    (again,) = install_weights(own)
    assert again.before
    one.path.unlink()
    with pytest.raises(UnknownNameError, match="weights for cmunext-xxs is 'teeth'"):
        resolve_weights("cmunext-xxs", "teeth")


def test_what_a_word_stands_for_does_not_change_with_what_is_installed(tmp_path):
    trained(tmp_path / "w.safetensors", id="cmunext-xxs/nuclei@7", task="nuclei", version=7)
    before = resolve_weights("cmunext-xxs", "nuclei")
    install_weights(tmp_path / "w.safetensors")
    assert resolve_weights("cmunext-xxs", "nuclei") == before
    assert resolve_weights("cmunext-xxs", "cmunext-xxs/nuclei@7")[0].version == 7


def test_an_id_is_one_file_unless_it_is_replaced_on_purpose(own, tmp_path):
    (first,) = install_weights(own)
    trained(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(WeightsError, match=r"'cmunext-xxs/teeth@1' are at hand already.* with --overwrite"):
        install_weights(tmp_path / "other.safetensors")
    (second,) = install_weights(tmp_path / "other.safetensors", overwrite=True)
    assert second.entry.sha256 != first.entry.sha256
    assert not first.path.exists()
    load_network("cmunext-xxs", "teeth")
    # the package's own are never replaced
    trained(tmp_path / "n.safetensors", id=shipped("cmunext-xxs/nuclei"), task="nuclei")
    with pytest.raises(WeightsError, match=r"are at hand already.* another version"):
        install_weights(tmp_path / "n.safetensors", overwrite=True)
    with pytest.raises(InputError, match="both are cmunext-xxs/teeth@1; expected one file of an id"):
        pack_weights([str(own), str(tmp_path / "other.safetensors")], tmp_path / "two")


def flip(pack):
    path = pack / listing(pack)["weights"][1]["file"]
    blob = bytearray(path.read_bytes())
    blob[-7] ^= 1
    path.write_bytes(blob)


def grow(pack):
    with (pack / listing(pack)["weights"][1]["file"]).open("ab") as stream:
        stream.write(b"x" * 5_000_000)


def move(pack, name):
    (pack / listing(pack)["weights"][1]["file"]).rename(pack / name if "/" not in name else pack / "moved")
    relist(pack, file=name)


DAMAGE = {
    "flipped": (flip, "was changed or damaged"),
    "longer": (grow, "was changed or damaged"),
    "cut": (lambda p: os.truncate(p / listing(p)["weights"][1]["file"], 1000), "was changed or damaged"),
    "gone": (lambda p: (p / listing(p)["weights"][1]["file"]).unlink(), "is a link or no file|is no pack"),
    "no list": (lambda p: (p / PACK_FILE).unlink(), "is a link or no file|is no pack"),
    "no json": (lambda p: (p / PACK_FILE).write_text("{"), "pack.json in .* is no JSON"),
    "another list": (lambda p: (p / PACK_FILE).write_text("[]"), "lists no weights"),
    "empty list": (lambda p: (p / PACK_FILE).write_text('{"weights": []}'), "lists 0 files; expected 1 to"),
    "long list": (lambda p: (p / PACK_FILE).write_text(" " * 10_000_001), "is longer than|more than weights can be"),
    "odd field": (lambda p: relist(p, version="x"), "'version' in pack.json in .* is 'x'"),
    "upwards": (lambda p: move(p, "../evil.safetensors"), "expected a plain name|expected pack.json and plain"),
    "absolute": (lambda p: move(p, "/tmp/evil.safetensors"), "expected a plain name|expected pack.json and plain"),
    "pickle": (lambda p: move(p, "evil.pt"), "expected a plain name|expected pack.json and plain"),
    "hidden": (lambda p: move(p, ".bashrc.safetensors"), "expected a plain name|expected pack.json and plain"),
    "no checksum": (lambda p: relist(p, sha256=""), "expected a plain name that ends in .safetensors, a size and"),
    "another name inside": (lambda p: relist(p, task="skin"), "says of itself .* expected the same"),
    "another licence": (lambda p: relist(p, licence="cc0"), "says of itself .* expected the same"),
    "an unknown network": (lambda p: relist(p, network="u-net"), "network is 'u-net'; expected one of"),
    "twice": (lambda p: relist(p, id=shipped("cmunext-xxs/nuclei")), "twice; expected each once"),
    "huge": (lambda p: relist(p, size_bytes=10**14), "MB are free"),
}


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_not_what_it_says_is_refused_in_one_sentence_and_nothing_is_installed(pack, tmp_path, what, as_zip):
    damage, says = DAMAGE[what]
    damage(pack)
    source = zipped(pack, tmp_path / "p.zip") if as_zip else pack
    with pytest.raises((WeightsError, UnknownNameError, OutputError), match=says) as told:
        install_weights(source)
    assert len(str(told.value)) < 500
    assert "\n" not in str(told.value)
    assert nothing_is_there()
    assert not (tmp_path / "evil.safetensors").exists()


def member(name, *, kind=stat.S_IFREG):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o644) << 16
    return info


@pytest.mark.parametrize(
    ("info", "says"),
    [
        (member("../../evil.safetensors"), "holds '../../evil.safetensors'; expected pack.json and plain"),
        (member("/etc/evil.safetensors"), "expected pack.json and plain"),
        (member("a/b.safetensors"), "expected pack.json and plain"),
        (member("run.py"), "expected pack.json and plain"),
        (member("link.safetensors", kind=stat.S_IFLNK), "expected pack.json and plain"),
        (member("more.safetensors"), "which its pack.json does not list"),
        (member(PACK_FILE), "each once"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_more_than_it_lists_is_refused(pack, tmp_path, info, says):
    path = zipped(pack, tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(info, "x")
    with pytest.raises(WeightsError, match=says):
        install_weights(path)
    assert nothing_is_there()


def test_a_bomb_is_refused_before_it_is_unpacked(pack, tmp_path):
    (pack / "more.safetensors").write_bytes(b"\0" * 50_000_000)
    path = zipped(pack, tmp_path / "p.zip", zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(WeightsError, match="more than weights can be packed to"):
        install_weights(path)
    assert nothing_is_there()


@pytest.mark.parametrize("blob", [b"", b"PK\x03\x04 and no more", b"x" * 1000])
def test_what_is_no_pack_is_told(tmp_path, blob):
    (tmp_path / "p.zip").write_bytes(blob)
    with pytest.raises(WeightsError, match=r"p\.zip is no pack of weights"):
        install_weights(tmp_path / "p.zip")
    with pytest.raises(WeightsError, match="does not exist"):
        install_weights(tmp_path / "gone.zip")
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.zip")
        with pytest.raises(WeightsError, match="a pipe or a device, no file"):
            install_weights(tmp_path / "pipe.zip")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_a_folder_is_not_followed(pack, tmp_path):
    path = pack / listing(pack)["weights"][1]["file"]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WeightsError, match="is a link or no file"):
        install_weights(pack)
    assert nothing_is_there()


def test_a_pack_is_written_whole_or_not_at_all(own, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    for out in (tmp_path / "full", own):
        with pytest.raises(InputError, match="is no empty folder"):
            pack_weights([str(own)], out)
    with pytest.raises(OutputError, match="cannot be written"):
        pack_weights([str(own)], own / "below" / "p.zip")
    with pytest.raises(OutputError, match="cannot be written"):
        pack_weights([str(own)], own / "below")
    with pytest.raises(UnknownNameError, match="'cmunext-xxs/gone@1'"):
        pack_weights([str(own), "cmunext-xxs/gone@1"], tmp_path / "p.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "own.safetensors"]
    (tmp_path / "empty").mkdir()
    pack_weights([str(own)], tmp_path / "empty")
    install_weights(tmp_path / "empty")


def test_a_notice_goes_with_a_file_that_was_written_before_files_told_it(pack):
    """The manifest's word for whose encoder is inside."""
    relist(pack, notices=["An encoder by somebody, under a licence"])
    install_weights(pack)
    assert resolve_weights("cmunext-xxs", "cmunext-xxs/teeth@1")[0].notices == (
        "An encoder by somebody, under a licence",
    )
