"""What learning is worth, on real pictures: ``python -m benchmarks.learning`` measures, and fills docs/learning.md."""
