"""What the frozen program runs first: the command `gitopsd`, or a module that a process of its own runs.

`gitopsd --run-module MODULE …` is what `gitopsd.plugin.process.module_command` starts: MODULE's `main()` and nothing
else is imported, so that a process that fetches does not wait for the commands.
"""

import os
import sys

RUN_MODULE = "--run-module"


def _main() -> None:
    _give_back_the_library_path()
    arguments = sys.argv[1:]
    if len(arguments) > 1 and arguments[0] == RUN_MODULE:
        import importlib

        sys.argv = [arguments[1], *arguments[2:]]
        importlib.import_module(arguments[1]).main()
        return
    from gitopsd.cli import main

    sys.exit(main())


def _give_back_the_library_path() -> None:
    """What this program starts must not load the libraries that are in here; this process has found its own."""
    original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if original:
        os.environ["LD_LIBRARY_PATH"] = original
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)


_main()
