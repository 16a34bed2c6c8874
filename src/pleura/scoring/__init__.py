"""Score a folder of masks against references: match them, score each case, summarise."""
