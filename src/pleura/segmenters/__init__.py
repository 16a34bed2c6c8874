"""Segmenters, `Volume -> Segmentation`, behind one protocol; they know no files or metrics."""
