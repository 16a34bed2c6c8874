"""De-identification: actions by attribute (data), patients, and the engine that applies actions."""
