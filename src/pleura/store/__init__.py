"""Cases, cohorts and splits on disk, and how a run writes its output folder. Formats in
docs/formats.md.
"""
