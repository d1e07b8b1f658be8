"""Protocols of what the control room needs from the world; adapters implement them, `gitopsd.testing` has fakes."""
