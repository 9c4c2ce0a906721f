"""A candidate beside a baseline: contrasts, margins, and what is said of them."""
