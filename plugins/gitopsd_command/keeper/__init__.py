"""The process beside the daemon that runs one plugin's commands on a private copy of the source.

It copies, starts, watches, ends and cleans up, and is the reason that nothing outlives a run: orphans of its commands
become its own children (Linux' child subreaper), and it ends them all and removes the folder also when the daemon is
killed. Standard library only: it starts in milliseconds, isolated from the environment and from installed packages.
"""
