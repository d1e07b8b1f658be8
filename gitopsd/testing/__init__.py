"""For tests of plugin authors and our own: fakes that implement the ports, builders, a pytest plugin."""
