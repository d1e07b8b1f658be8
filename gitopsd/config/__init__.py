"""YAML files to values: pydantic models, positions in messages, includes, secrets references, reload."""
