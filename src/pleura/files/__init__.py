"""The input: folders, archives and DICOMDIR, read the same way by every verb.

    from pleura.files.walk import walk, read_files

    found = walk(source)                        # every file of a folder, a file, an archive, a CD
    for file in found.files: file.kind          # "DICOM", "DICOMDIR", "pdf", ...: by content
    for file in found.refused: file.code        # files that could not be opened, and why
    for file, data in read_files(found.dicom()): ...   # bytes, each archive in one pass
    found.accounting(used={...}, refused={...})        # used + refused + other = all files

This room provides bytes and paths and decides nothing else, so `dicom`, `deid` and `audit` may
share it.
"""
