"""What the command line says of DICOM in folders of folders."""

from tests.app.test_dicom_folders import parent
from tests.cli.helpers import NUCLEI

__all__ = ["parent"]


def test_what_is_passed_over_is_said_and_listed_by_another_command(medseg, parent, tmp_path):
    medseg("project", "create", tmp_path / "p")
    code, _, said = medseg("project", "add", tmp_path / "p", parent)
    assert code == 0 and f"8 DICOM files in folders inside {parent} were left out" in said
    # also where nothing is taken
    code, _, said = medseg("project", "add", tmp_path / "p", parent / "deep", NUCLEI[0].image)
    assert code == 0 and "DICOM" not in said
    (parent / "ct").rename(parent / "deep" / "mr" / "ct")
    code, _, said = medseg("project", "add", tmp_path / "p", parent)
    assert code == 2 and "14 DICOM files in folders" in said and "holds no image" in said
    code, shown, said = medseg("series", parent)
    assert code == 0 and "CT-6slices" in shown and "no DICOM" not in said
