"""Propose, correct, retrain and export segmentation masks of medical images in napari.

Importing this package pulls in neither torch nor napari.
"""

__version__ = "0.1.0"
