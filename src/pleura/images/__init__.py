"""NIfTI, NRRD and MetaImage files: voxels with their grid, read within limits; CT volumes."""
