"""How well a live object, and an application made of them, is doing."""
