"""What napari calls by the manifest: adaptors, nothing else."""
