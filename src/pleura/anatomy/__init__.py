"""Anatomy in a CT volume: body, couch, airways, lungs and their sides."""
