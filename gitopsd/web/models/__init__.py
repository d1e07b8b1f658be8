"""What the API answers: allow-lists of fields, each built from a core value by name (advisory S6)."""
