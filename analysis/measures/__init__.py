"""What one part of a run measured: latency, cost, variance, rates, each by its formula."""
