"""Errors, findings, progress and atomic files. Standard library only."""
