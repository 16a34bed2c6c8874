"""Synthetic chests as real DICOM CT, written without `dicom`, so as not to share its mistakes."""
