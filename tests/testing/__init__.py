"""What tests and benchmarks share: flaws, hostile series, label cases, couch scenes, mutants.
Never part of the wheel.
"""
