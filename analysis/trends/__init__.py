"""Many runs: one row each, their trend, and where it changed."""
