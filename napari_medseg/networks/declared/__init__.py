"""What each network is, as data (:class:`napari_medseg.networks.spec.NetworkSpec`); read without torch."""
