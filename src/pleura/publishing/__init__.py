"""What `deidentify` does between the engine and the audit: crop, plan, write, certify, case by
case.
"""
