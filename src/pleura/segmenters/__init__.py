"""F2a: segmenters, `Volume -> Segmentation`, behind one protocol. They know arrays, and nothing
of files or of the judge.
"""
