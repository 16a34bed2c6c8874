"""Synthetic chests, written as real DICOM CT. `phantom` does not import `dicom`, so that the writer
cannot inherit the reader's mistakes.
"""
