"""The killable process in which git's network and object work runs: `python -m gitopsd.sources.worker`."""
