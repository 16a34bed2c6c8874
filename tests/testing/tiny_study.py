"""The smallest design of a study: one factor, two steps a run."""

TINY_STUDY = """
name = "tiny"
size = 16
steps = 2
folds = 2
endpoints = ["dice"]
[[factor]]
name = "lr"
levels = [0.2]
"""
