"""Runs that Tailgate did not make: plain Locust CSV files, and what they allow to say."""
