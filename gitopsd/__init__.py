"""gitopsd keeps Kubernetes clusters equal to git."""

__version__ = "0.1.0"
