"""What each `tailgate` command does; `analysis.cli` parses, these act."""
