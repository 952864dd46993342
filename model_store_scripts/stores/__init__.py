"""The store as commands see it: one port, and what stands behind it."""
