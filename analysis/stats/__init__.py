"""Statistics without a word of what is measured: blocks, quantiles, shares, effects, each with its interval."""
