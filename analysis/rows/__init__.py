"""What was written, as typed frames: from the files of a run to attempts and turns."""
