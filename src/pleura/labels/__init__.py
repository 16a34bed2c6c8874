"""Lung masks in files, one library in each module; `registry` chooses by the file's name."""
