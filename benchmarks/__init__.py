"""Measurements: what the documentation says about speed is made here."""
