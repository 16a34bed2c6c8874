"""Volumes and densities of lungs; `docs/measurements.md` defines each number and gives its
source.
"""
