"""F2a: from a tree of files to CT series: files, headers, grouping and geometry, pixels."""
