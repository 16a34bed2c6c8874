"""Volumes and densities of lungs, each number defined with its source in `docs/measurements.md`."""
