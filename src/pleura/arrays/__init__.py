"""F1: geometry and arrays. Index order `[slice, row, column]`, world LPS in millimetres, float64."""
