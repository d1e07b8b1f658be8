"""Chooses the renderer, holds its limits and time-outs, the cache and the pool of engine workers."""
