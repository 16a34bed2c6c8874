"""The story of each verb, one function a module; only `run` and `study` use the others."""
