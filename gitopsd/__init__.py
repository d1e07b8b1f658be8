"""gitopsd keeps Kubernetes clusters equal to git."""
