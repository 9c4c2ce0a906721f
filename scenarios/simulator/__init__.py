"""Endpoints that scenarios may simulate: a real HTTP server with known latency, limits, faults and a truth log."""
