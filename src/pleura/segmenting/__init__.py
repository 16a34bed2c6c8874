"""What `pleura segment` does with each case, and what it writes over all cases."""
