"""What was answered, and what turned out to be true: the evidence for quality, guards and distributions."""
