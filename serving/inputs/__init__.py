"""What callers send: pictures and features, in a body or behind a URL."""
