"""Verdicts: validity of the run, objectives held against it, and the one sentence on top."""
