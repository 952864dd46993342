"""What the operators see: one log line a request, and metrics that are right across workers."""
