"""Status, history, operations in flight and users, kept in SQLite or PostgreSQL."""
