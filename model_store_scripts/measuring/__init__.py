"""How fast a version is: by itself, and behind a server."""
