"""The U-Net and its training. Only this room imports torch (extra `train`)."""
