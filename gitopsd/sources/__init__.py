"""Git mirrors and immutable snapshots, Helm repositories, OCI artifacts, credentials."""
