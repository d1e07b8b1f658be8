"""The official renderer of Kustomize."""
