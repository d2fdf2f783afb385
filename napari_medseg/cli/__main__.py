"""``python -m napari_medseg.cli``."""

from napari_medseg.cli import main

main()
