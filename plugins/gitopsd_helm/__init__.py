"""The official renderer of Helm charts."""
