"""What Lens is measured against: the same work, served as each framework's own documentation advises."""
