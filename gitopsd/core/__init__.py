"""Pure values and decisions: no event loop, clock, disk, network or logger; standard library only."""
