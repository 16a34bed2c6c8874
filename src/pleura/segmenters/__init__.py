"""Segmenters, `Volume -> Segmentation`, behind one protocol.

They know arrays, and neither files nor metrics.
"""
