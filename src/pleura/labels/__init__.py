"""F2b: lung masks in files. One library a module; `registry` chooses by the file's name."""
