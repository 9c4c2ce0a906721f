"""The selection matrix: who dominates whom, how sure that is, and which to take."""
