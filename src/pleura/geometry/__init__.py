"""Geometry: grids, volumes, resampling and morphology. Index order `[slice, row, column]`, LPS,
mm.
"""
