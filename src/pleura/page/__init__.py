"""Figures, tables, and self-contained pages."""
