"""What the frozen program runs first: the command `gitopsd`, or a module that a process of its own runs.

`gitopsd --run-module MODULE …` is what `gitopsd.plugin.process.module_command` starts: MODULE's `main()` and nothing
else is imported, so that a process that fetches does not wait for the commands.
"""

import os
import sys

RUN_MODULE = "--run-module"


# Where systems keep the certificates of authorities: Debian, Fedora, openSUSE, others.
CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def _main() -> None:
    _give_back_the_library_path()
    _find_certificates()
    arguments = sys.argv[1:]
    if len(arguments) > 1 and arguments[0] == RUN_MODULE:
        import importlib

        sys.argv = [arguments[1], *arguments[2:]]
        importlib.import_module(arguments[1]).main()
        return
    from gitopsd.cli import main

    sys.exit(main())


def _find_certificates() -> None:
    """The OpenSSL in here knows the places of the system that it was built on, and pygit2 cannot be imported where none
    of them is there. On a system without any certificates an https server is not trusted, and all else works.
    """
    if "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return
    found = next((path for path in CERTIFICATES if os.path.exists(path)), None)
    if found is not None:
        os.environ["SSL_CERT_FILE"] = found
    else:
        os.environ["SSL_CERT_DIR"] = os.path.dirname(os.path.abspath(sys.executable))


def _give_back_the_library_path() -> None:
    """What this program starts must not load the libraries that are in here; this process has found its own."""
    original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if original:
        os.environ["LD_LIBRARY_PATH"] = original
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)


_main()
