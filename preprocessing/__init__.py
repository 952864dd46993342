"""The pure core: bytes to pixels to tensor, scores to answer.  Knows no framework, no network, no disk."""
