"""The Enhanced CT holds the same voxels at the same places, as a stranger (highdicom) reads it."""

import numpy as np
from highdicom import imread
from testing.flaws import rescaled

from pleura.phantom.anatomy import chest
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import series, write_files


def test_voxels_and_places(tmp_path):
    volume = chest((5, 16, 20), spacing_mm=(5, 24, 20), seed=2)[0]
    slices = rescaled(series(volume), 2, intercept=-2000)
    path = write_files(tmp_path, [enhanced(slices, order=[3, 1, 0, 2, 4])])[0]
    read = imread(path).get_volume(apply_real_world_transform=False)
    array = read.array if read.get_geometry().affine[2, 0] > 0 else read.array[::-1]
    assert np.array_equal(array, volume.hu)
    corners = read.map_indices_to_reference(np.array([[0, 0, 0], [4, 0, 0]]))
    ends = volume.grid.to_world([[0, 0, 0], [4, 0, 0]])
    assert np.allclose(np.sort(corners[:, 2]), ends[:, 2], atol=1e-4)
