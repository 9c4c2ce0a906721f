"""The load wing: clock, sockets, greenlets. The only package that imports locust or gevent; never pandas."""
