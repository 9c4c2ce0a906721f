"""Numbers and names as a reader sees them."""
