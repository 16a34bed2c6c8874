"""What `prepare` does for a case and a batch."""
