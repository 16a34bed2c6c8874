"""The terminal: tables, colours, progress bars and exit codes. Nothing is decided here."""
