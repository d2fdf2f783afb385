"""Puts the manual into the package as it is built: help without a network. All else stands in pyproject.toml."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class WithManual(build_py):
    """Builds the package with the pages of ``docs``; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "napari_medseg" / "docs"
            copytree("docs", target, dirs_exist_ok=True, ignore=ignore_patterns("*.py", "__pycache__"))


setup(cmdclass={"build_py": WithManual})
