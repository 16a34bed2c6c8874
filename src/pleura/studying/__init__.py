"""What `pleura study` does: a declared design, its runs, and their analysis."""
