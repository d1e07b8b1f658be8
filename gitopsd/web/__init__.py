"""The HTTP server: routes, sign-in and permissions, event stream, webhooks, the built UI's files."""
