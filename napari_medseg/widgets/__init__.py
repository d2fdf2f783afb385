"""The panel. The only package besides ``plugin`` that knows napari and Qt."""
