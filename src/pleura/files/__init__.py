"""The input: folders, archives and DICOMDIR, read the same way by every verb."""
