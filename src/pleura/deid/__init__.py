"""De-identification: what becomes of each attribute (data), who is who (identity), one walk that applies it (engine)."""
