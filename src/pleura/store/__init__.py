"""F2b: cases, cohorts, splits and manifests on disk. Formats in docs/formats.md."""
