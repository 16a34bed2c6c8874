"""De-identification: the action for each attribute (data), the patients (identity), and the
engine that applies the actions.
"""
