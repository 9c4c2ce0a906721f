"""The meaning wing: frames in, frames out. Never imports locust or gevent."""
