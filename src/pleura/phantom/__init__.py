"""F2a: synthetic chests, written as real DICOM CT. A stranger to `dicom`: the writer must not
inherit the reader's mistakes.
"""
