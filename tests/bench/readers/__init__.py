"""The readers that stand beside Tailgate, each a program of its own that records the same."""
