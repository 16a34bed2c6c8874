"""Geometry: grids, volumes, resampling and morphology, in `[slice, row, column]`, LPS and mm."""
