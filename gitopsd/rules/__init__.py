"""Rules that are data: health tables, and users' expressions."""
