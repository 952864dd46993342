"""How good answers are, once somebody said what was true: pure statistics over NumPy arrays."""
