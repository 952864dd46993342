"""The registry's migrations, oldest first; they run forward only, at start, in one transaction."""
