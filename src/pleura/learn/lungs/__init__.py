"""The shipped lung network: corpus, augmentation, training, folds and export (docs/model.md)."""
