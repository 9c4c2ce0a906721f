"""The benchmark of the measuring client: `make bench`. Real processes, real sockets, a truth log to compare with."""
