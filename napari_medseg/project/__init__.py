"""Corrections on disk. Needs no torch."""

from napari_medseg.project.project import Project
from napari_medseg.project.records import Box, Case, HistoryRow, LabelClass, Revision, Run

__all__ = ["Box", "Case", "HistoryRow", "LabelClass", "Project", "Revision", "Run"]
