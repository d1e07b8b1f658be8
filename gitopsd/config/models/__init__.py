"""The YAML files' shapes: exact types and known keys, nothing that needs another file."""
