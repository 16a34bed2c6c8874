"""F2a: what a mask is worth beside a reference. The judge does not know the contestant, nor where a mask came from."""
