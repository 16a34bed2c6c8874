"""NIfTI, NRRD and MetaImage files: voxels with their grid, read within stated limits; and CT
volumes in them.
"""
