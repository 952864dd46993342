"""Models from the web: where they lie, and how they are fetched."""
