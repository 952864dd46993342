"""Who may do what: local trust, API keys, browser origins, request rates."""
