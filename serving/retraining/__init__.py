"""Retraining as a service: a table of jobs, one process that learns at a time, and the version that comes of it."""
