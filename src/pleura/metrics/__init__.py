"""Scores of a mask against a reference: overlap, distances, statistics."""
