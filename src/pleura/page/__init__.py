"""F3: figures, tables, and the one self-contained page."""
