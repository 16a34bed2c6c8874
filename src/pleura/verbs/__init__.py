"""F4: the story of each verb, one function a module. Independent of one another; only `run` uses
the others.
"""
