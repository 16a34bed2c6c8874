"""Decode frames of any transfer syntax to stored values. None of the decoders is GPL."""
