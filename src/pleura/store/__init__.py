"""Cases, cohorts and splits on disk, and how a run writes OUT. docs/formats.md has the formats."""
