"""The resource tree of an application: what it manages, what controllers made below that, who sends traffic where."""
