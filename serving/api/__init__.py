"""HTTP: the edge, the routes behind it, and how bodies become requests."""
