"""Small sound files of the formats that hospitals have, DICOM and NRRD: for ``fuzz_seeds.py``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np


def make_medical(folder: Path) -> None:
    """Write the seeds."""
    _dicoms(folder)
    _segmentations(folder)
    _nrrds(folder)


def _segmentations(folder: Path) -> None:
    """On a flat picture of its own, and, as other programs write them, as a map of labels."""
    import tempfile

    from pydicom import dcmread, uid

    from napari_medseg.io import read_grid, write_mask

    labels = np.zeros((48, 64), np.uint8)
    labels[2:9, 3:12], labels[20:30, 20:31] = 1, 3
    with tempfile.TemporaryDirectory() as home:
        file = dcmread(folder / "plain.dcm")
        file.StudyInstanceUID = file.SeriesInstanceUID = file.FrameOfReferenceUID = "1.2.4"
        file.ImagePositionPatient, file.ImageOrientationPatient = [1, 2, 3], [1, 0, 0, 0, 0.8, 0.6]
        file.PixelSpacing = [0.5, 0.7]
        file.save_as(Path(home) / "image.dcm")
        source = Path(home) / "image.dcm"
        write_mask(folder / "bits.seg.dcm", labels, grid=read_grid(source), source=source)
    found = dcmread(folder / "bits.seg.dcm")
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = uid.UID("1.2.840.10008.5.1.4.1.1.66.7")
    found.SegmentationType, found.NumberOfFrames = "LABELMAP", 1
    found.BitsAllocated, found.BitsStored, found.HighBit = 8, 8, 7
    found.PixelData = np.where(labels == 3, 2, labels).astype(np.uint8).tobytes()
    found.PerFrameFunctionalGroupsSequence = found.PerFrameFunctionalGroupsSequence[:1]
    found.save_as(folder / "map.seg.dcm")


def _dicoms(folder: Path) -> None:
    import imagecodecs
    from PIL import Image
    from pydicom import uid
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.sequence import Sequence

    rng = np.random.default_rng(2)
    grey = np.kron(rng.integers(0, 4, (6, 8), np.uint8), np.ones((8, 8), np.uint8))
    lie = {"ImageOrientationPatient": [1, 0, 0, 0, 0.8, 0.6], "PixelSpacing": [0.5, 0.7]}

    def write(name: str, data: np.ndarray, syntax: Any = None, **tags: Any) -> None:
        colour, meta = data.shape[-1] == 3, FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = uid.ExplicitVRLittleEndian, uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = uid.UID("1.2.3")
        file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        facts: dict[str, Any] = {"SOPClassUID": uid.CTImageStorage, "SOPInstanceUID": "1.2.3", "Modality": "CT"}
        bits, sides = 8 * data.itemsize, data.shape[:-1] if colour else data.shape
        facts |= {"Rows": sides[-2], "Columns": sides[-1], "SamplesPerPixel": 3 if colour else 1}
        facts |= {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": 0}
        facts |= {"PhotometricInterpretation": "RGB" if colour else "MONOCHROME2", "PixelData": data.tobytes()}
        facts |= {"PlanarConfiguration": 0} if colour else {}
        for tag, value in (facts | tags).items():
            setattr(file, tag, value)
        if syntax == uid.DeflatedExplicitVRLittleEndian or "PixelData" in tags:
            if syntax is not None:
                meta.TransferSyntaxUID = syntax
            file["PixelData"].is_undefined_length = syntax in (uid.JPEGBaseline8Bit, uid.JPEGLSLossless)
        elif syntax is not None:
            file.compress(syntax, generate_instance_uid=False)
        file.save_as(folder / f"{name}.dcm", enforce_file_format=True)

    def of(**tags: Any) -> Dataset:
        found = Dataset()
        for tag, value in tags.items():
            setattr(found, tag, value)
        return found

    deep = grey.astype(np.uint16) * 300
    write("plain", deep, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400, PixelPaddingValue=0)
    write("white", grey, PhotometricInterpretation="MONOCHROME1", ImagerPixelSpacing=[0.1, 0.1])
    write("colour", np.dstack([grey] * 3))
    for name, syntax in (
        ("rle", uid.RLELossless),
        ("jp2", uid.JPEG2000Lossless),
        ("deflated", uid.DeflatedExplicitVRLittleEndian),
    ):
        write(name, deep, syntax)
    write("jls", deep, uid.JPEGLSLossless, PixelData=encapsulate([bytes(imagecodecs.jpegls_encode(deep))]))
    with BytesIO() as stream:
        Image.fromarray(grey * 60).save(stream, "JPEG")
        write("jpeg", grey, uid.JPEGBaseline8Bit, PixelData=encapsulate([stream.getvalue()]))
    write("film", np.stack([grey] * 3), NumberOfFrames=3)
    frames = [of(PlanePositionSequence=Sequence([of(ImagePositionPatient=[0, 0, z])])) for z in range(3)]
    shared = of(
        PlaneOrientationSequence=Sequence([of(ImageOrientationPatient=lie["ImageOrientationPatient"])]),
        PixelMeasuresSequence=Sequence([of(PixelSpacing=lie["PixelSpacing"])]),
    )
    groups = {"PerFrameFunctionalGroupsSequence": Sequence(frames)}
    groups["SharedFunctionalGroupsSequence"] = Sequence([shared])
    write("enhanced", np.stack([deep] * 3), NumberOfFrames=3, **groups)
    table: dict[str, Any] = {}
    for name in ("Red", "Green", "Blue"):
        table[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        table[f"{name}PaletteColorLookupTableData"] = bytes(range(8))
    write("palette", grey, PhotometricInterpretation="PALETTE COLOR", **table)


def _nrrds(folder: Path) -> None:
    import nrrd

    data = np.zeros((8, 9, 10), np.int16)
    data[2:5, 2:6, 3:7] = 1
    space = {"space": "left-posterior-superior", "space directions": np.diag([0.5, -0.7, 2]), "space origin": [1, 2, 3]}
    for packed in ("raw", "gzip", "bzip2"):
        nrrd.write(str(folder / f"{packed}.nrrd"), data, {**space, "encoding": packed, "medseg": '{"network": "n"}'})
    nrrd.write(str(folder / "flat.nrrd"), data[3], {"spacings": [0.5, 0.6], "units": ["um", "um"], "encoding": "raw"})
