"""The shipped lung network: its corpus, augmentation, training, folds and export. See
docs/model.md.
"""
