"""One module per noun; each makes a router of routes that are declared with their permission."""
