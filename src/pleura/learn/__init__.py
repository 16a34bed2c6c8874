"""F3: the U-Net and its training. The only room that knows torch (extra `train`)."""
