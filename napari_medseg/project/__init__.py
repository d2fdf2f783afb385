"""Corrections on disk. Needs no torch."""

from napari_medseg.project.project import Project
from napari_medseg.project.records import Box, Case, HistoryRow, Revision, Run

__all__ = ["Box", "Case", "HistoryRow", "Project", "Revision", "Run"]
