"""The official renderer of plain YAML, JSON and Jsonnet folders."""
