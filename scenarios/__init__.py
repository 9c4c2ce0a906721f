"""The ground floor: the language that the load wing and the meaning wing both speak.

Imports neither locust, gevent nor pandas.
"""
