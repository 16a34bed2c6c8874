"""F0: errors, findings, progress, whole files. Standard library only."""
