"""DICOM files as scanners write them, made here: every tag that names someone holds a marker."""

from pathlib import Path

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

CT, SC, US, MR = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.4.1",
)
MARKER = "ZZMARKER"
NAMES = {
    "PatientName": "ZZMARKER^NAME",
    "PatientID": "ZZMARKER1",
    "PatientBirthDate": "19010203",
    "PatientAddress": "ZZMARKER2",
    "AccessionNumber": "ZZMARKER3",
    "ReferringPhysicianName": "ZZMARKER^DOCTOR",
    "InstitutionName": "ZZMARKER4",
    "StudyDescription": "ZZMARKER5",
    "StudyID": "ZZMARKER6",
    "PatientComments": "ZZMARKER7",
    "OperatorsName": "ZZMARKER^OPERATOR",
}
FLAT = (1.0, 0, 0, 0, 1.0, 0)


def of(**tags):
    """A Dataset of these tags."""
    found = Dataset()
    for name, value in tags.items():
        setattr(found, name, value)
    return found


def dataset(data, *, kind=SC, photometric=None, **tags):
    """A file that is not written yet.

    ``data``: (Y, X), (Y, X, 3), (N, Y, X) or, with ``NumberOfFrames`` among the tags, (N, Y, X, 3).
    """
    data = np.asarray(data)
    colour = data.ndim > 2 and data.shape[-1] == 3
    spatial = data.shape[:-1] if colour else data.shape
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    found.SOPClassUID, found.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    found.SeriesInstanceUID, found.StudyInstanceUID = generate_uid(), generate_uid()
    found.Modality = {CT: "CT", US: "US", MR: "MR"}.get(kind, "OT")
    found.Rows, found.Columns = spatial[-2:]
    if len(spatial) > 2:
        found.NumberOfFrames = spatial[0]
    bits = 8 * data.dtype.itemsize
    found.BitsAllocated, found.BitsStored, found.HighBit = bits, bits, bits - 1
    found.PixelRepresentation = int(data.dtype.kind == "i")
    found.SamplesPerPixel = 3 if colour else 1
    found.PhotometricInterpretation = photometric or ("RGB" if colour else "MONOCHROME2")
    if colour:
        found.PlanarConfiguration = 0
    found.PixelData = data.tobytes() + b"\0" * (data.nbytes % 2)
    for name, value in {**NAMES, **tags}.items():
        setattr(found, name, value)
    return found


def pack(found, syntax):
    """Pack a data set's pixels; JPEG-LS by a library that is there anyhow."""
    if syntax == JPEGLSLossless:
        data = found.pixel_array
        bits = data.view(np.uint16) if data.dtype == np.int16 else data
        found.PixelData = encapsulate([bytes(imagecodecs.jpegls_encode(bits))])
        found["PixelData"].is_undefined_length = True
        found.file_meta.TransferSyntaxUID = syntax
    else:
        found.compress(syntax, generate_instance_uid=False)


def write(path, data, *, syntax=None, **how):
    """Write a file; ``syntax``: packed so."""
    found = dataset(data, **how)
    if syntax is not None:
        pack(found, syntax)
    found.save_as(path, enforce_file_format=True)
    return Path(path)


def slices(data, affine_lps):
    """Places of the slices of a (Z, Y, X) volume: tags for each, and those for all.

    ``affine_lps``: (4, 4), from (x, y, z) of the array to mm, x to the left, y to the back.
    """
    sizes = np.linalg.norm(affine_lps[:3, :2], axis=0)
    shared = {
        "ImageOrientationPatient": [f"{v:.10g}"[:16] for v in (affine_lps[:3, :2] / sizes).T.ravel()],
        "PixelSpacing": [float(sizes[1]), float(sizes[0])],
    }
    each = [[f"{v:.10g}"[:16] for v in affine_lps[:3, 3] + z * affine_lps[:3, 2]] for z in range(len(data))]
    return each, shared


def write_series(folder, data, affine_lps, *, names=None, **tags):
    """Write a volume (Z, Y, X) as one file a slice, in another order than they lie."""
    folder.mkdir(parents=True, exist_ok=True)
    each, shared = slices(data, affine_lps)
    uid, study = generate_uid(), generate_uid()
    names = names or [f"IM{(7 * z + 3) % 101:04}" for z in range(len(data))]
    for z, name in enumerate(names):
        facts = {
            "kind": CT,
            "SeriesInstanceUID": uid,
            "StudyInstanceUID": study,
            "InstanceNumber": z + 1,
            **shared,
            **tags,
        }
        write(folder / name, data[z], ImagePositionPatient=each[z], **facts)
    return folder


def write_enhanced(path, data, affine_lps, *, order=None, scales=None, **tags):
    """Write a volume as one enhanced file: places and scales of frames in groups."""
    each, shared = slices(data, affine_lps)
    frames = []
    for number, z in enumerate(range(len(data)) if order is None else order):
        frame = of(PlanePositionSequence=Sequence([of(ImagePositionPatient=each[z])]))
        if scales is not None:
            scale = of(RescaleSlope=scales[number][0], RescaleIntercept=scales[number][1])
            frame.PixelValueTransformationSequence = Sequence([scale])
        frames.append(frame)
    groups = of(
        PlaneOrientationSequence=Sequence([of(ImageOrientationPatient=shared["ImageOrientationPatient"])]),
        PixelMeasuresSequence=Sequence([of(PixelSpacing=shared["PixelSpacing"])]),
        FrameVOILUTSequence=Sequence([of(WindowCenter=50, WindowWidth=101)]),
    )
    tags["SharedFunctionalGroupsSequence"] = Sequence([groups])
    tags["PerFrameFunctionalGroupsSequence"] = Sequence(frames)
    return write(path, data if order is None else data[list(order)], kind=MR, **tags)
