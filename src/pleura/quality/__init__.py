"""The checks that decide whether a volume or a mask may be used."""
