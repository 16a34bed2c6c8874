"""Too little of a chest to refuse its orientation is sent to review."""

import numpy as np

from pleura.core.findings import Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.quality.orientation import check_orientation


def test_a_short_part_of_a_flipped_chest_is_reviewed_and_the_whole_refused():
    volume = chest((64, 96, 104), spacing_mm=(4.5, 3.6, 3.6), seed=5)[0]
    flipped = Volume(np.ascontiguousarray(volume.hu[:, ::-1]), volume.grid)
    assert {f.verdict for f in check_orientation(flipped) if f.code == "SPINE-IN-FRONT"} == {
        Verdict.REFUSED
    }
    part = flipped.hu[24:46]
    short = check_orientation(Volume(part, Grid.axial(part.shape, (4.5, 3.6, 3.6))))
    assert {f.verdict for f in short if f.code == "SPINE-IN-FRONT"} == {Verdict.REVIEW}
