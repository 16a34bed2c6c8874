"""Couch removal beside hostile beds and in hostile bodies: no voxel of lung is altered, whatever
the field of view cuts.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testing import couch_scenes

from pleura.anatomy.couch import body_mask, couch_mask
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest

SHAPE = (16, 96, 96)
BEDS = {
    "flat": couch_scenes.table,
    "core like lung": lambda bare: couch_scenes.table(bare, core_hu=-850),
    "cradle": couch_scenes.cradle,
    "mattress": couch_scenes.mattress,
    "blanket and tubes": lambda bare: couch_scenes.blanket(bare) | couch_scenes.tubes(bare),
    "prone": lambda bare: couch_scenes.table(bare, down="front"),
    "on the side": lambda bare: couch_scenes.table(bare, down="left"),
}


def altered(volume: Volume, lungs: np.ndarray) -> int:
    seen = lungs if volume.padding is None else lungs & ~volume.padding
    return int(np.count_nonzero(couch_mask(volume, body_mask(volume)) & seen))


@pytest.mark.parametrize("bed", BEDS)
@pytest.mark.parametrize(
    "build",
    [{}, {"arms": "down"}, {"fat": 70.0, "muscle": 20.0}, {"fat": 1.0, "muscle": 2.0}],
    ids=str,
)
def test_no_lung_goes_with_any_bed(bed, build):
    # room for a bed beside wide bodies
    bare, lungs = chest(SHAPE, (21.0, 5.5, 5.5), seed=7, couch=False, **build)
    volume, foreign = couch_scenes.laid(bare, BEDS[bed](bare))
    assert foreign.any()
    assert not (foreign & couch_scenes.patient_of(bare)).any()
    assert altered(volume, lungs.lungs) == 0
    # an infant's thin wall
    small = Volume(volume.hu, Grid.axial(SHAPE, tuple(0.4 * mm for mm in volume.grid.spacing_mm)))
    assert altered(small, lungs.lungs) == 0


@pytest.mark.parametrize("hurt", ["pneumothorax", "air under the skin", "metal"])
def test_no_lung_goes_from_a_body_that_is_ill(hurt):
    bare, lungs = chest(SHAPE, seed=11, couch=False)
    volume, _ = couch_scenes.laid(bare, couch_scenes.table(bare) | couch_scenes.blanket(bare))
    change = {
        "pneumothorax": lambda: couch_scenes.pneumothorax(volume, lungs.lungs),
        "air under the skin": lambda: couch_scenes.air_under_skin(
            volume, couch_scenes.patient_of(bare)
        ),
        "metal": lambda: couch_scenes.metal(volume),
    }
    assert altered(change[hurt](), lungs.lungs) == 0


@pytest.mark.parametrize(
    ("seed", "bed", "radius_mm", "at"),
    [
        (285558, "flat", 169.2, (66.3, -17.8)),
        (161366, "on the side", 145.7, (94.7, -48.1)),
        (9, "flat", 110.0, (90.0, 60.0)),
    ],
)
def test_lung_as_thin_as_air_stays_where_the_field_opens_it(seed, bed, radius_mm, at):
    shape = (40, 128, 128) if seed == 9 else SHAPE
    bare, lungs = chest(
        shape, (8.5, 3.3, 3.3) if seed == 9 else None, seed=seed, couch=False, lung_hu=-980.0
    )
    volume, _ = couch_scenes.laid(bare, BEDS[bed](bare))
    assert altered(couch_scenes.narrowed(volume, radius_mm, at), lungs.lungs) == 0


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    bed=st.sampled_from(list(BEDS)),
    lung_hu=st.sampled_from([-980.0, -850.0, -600.0]),
    radius_mm=st.floats(60, 230),
    x=st.floats(-110, 110),
    y=st.floats(-90, 90),
)
def test_no_lung_goes_in_any_field(seed, bed, lung_hu, radius_mm, x, y):
    bare, lungs = chest(SHAPE, seed=seed, couch=False, lung_hu=lung_hu)
    volume, _ = couch_scenes.laid(bare, BEDS[bed](bare))
    assert altered(couch_scenes.narrowed(volume, radius_mm, (x, y)), lungs.lungs) == 0
