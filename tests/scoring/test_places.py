"""Where false lung is, on the CT as it was acquired."""

import numpy as np

from pleura.anatomy.couch import body_mask, couch_mask, without_couch
from pleura.phantom.anatomy import chest
from pleura.scoring.ct import CohortCt, places, places_of
from pleura.store.case import write_case
from pleura.store.layout import REMOVED_COUCH


def test_places_are_the_whole_image_without_overlap_also_after_the_couch_was_removed(tmp_path):
    volume, mask = chest((16, 96, 96), seed=2)
    true = places(volume)
    assert sum(place.astype(int) for place in true.values()).min() == 1
    assert sum(place.astype(int) for place in true.values()).max() == 1
    assert true["couch"].any()
    around = couch_mask(volume, body_mask(volume))
    folder = tmp_path / "Case_000"
    folder.mkdir()
    write_case(folder, "Case_000", without_couch(volume, around), mask, verdict="ok")
    ct = CohortCt(folder)
    without_record = places_of(ct, ct.read()[0])
    assert np.count_nonzero(without_record["couch"]) < np.count_nonzero(true["couch"]) / 2
    np.save(folder / REMOVED_COUCH, np.packbits(around))
    found = places_of(ct, ct.read()[0])
    assert np.count_nonzero(found["couch"] & true["couch"]) > 0.95 * np.count_nonzero(true["couch"])
    assert sum(place.astype(int) for place in found.values()).max() == 1
