"""A network on a graphics card: half precision that agrees, recorded work, batches as large as there is room for."""

from napari_medseg.inference.card.ladder import Ladder
from napari_medseg.inference.card.recorded import Steady
from napari_medseg.inference.card.runner import Card, NotInHalfError, Said

__all__ = ["Card", "Ladder", "NotInHalfError", "Said", "Steady"]
