"""Scoring a folder of masks against a folder of references: what belongs together, each case,
and all of them.
"""
