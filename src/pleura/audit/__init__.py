"""F2a: the independent verifier of de-identified files. A stranger to `deid`: it shares no table
and no code with the engine.

The engine acts attribute by attribute. This room re-reads what was written and searches it for the
source's identifiers.
"""
