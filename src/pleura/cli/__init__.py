"""F5: the terminal. Words, colours, a progress bar and an exit code; nothing is decided here."""
