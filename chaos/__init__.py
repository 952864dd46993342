"""Lens beaten on purpose: swaps under load, kills, full disks and two services on one store, end to end."""
