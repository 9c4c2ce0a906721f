"""The files that people, pull requests and machines read."""
