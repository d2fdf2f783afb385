"""The trainer: fine-tunes and trains the networks of :mod:`napari_medseg` in a process of its own."""
