"""What `deidentify` does between engine and audit: crop, plan, write and certify each case."""
