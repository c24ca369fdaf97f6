# SPDX-License-Identifier: Apache-2.0
"""Entry of `python3 tools/front`: put the package on the path, byte code under build/."""
import os
import signal
import sys

# Until the command line takes over, Ctrl-C ends this as it ends any program: without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

_HERE = os.path.dirname(os.path.realpath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_HERE))
if sys.dont_write_bytecode:
    # Nothing is kept there, and with a prefix Python's own byte code would not be found either.
    pass
elif os.path.isdir(os.path.join(_ROOT, "build")):
    sys.pycache_prefix = os.path.join(_ROOT, "build", "pycache")
else:
    sys.dont_write_bytecode = True
sys.path[0] = os.path.dirname(_HERE)


def _start():
    from front.cli import main  # (the path had to be set first)
    return main(sys.argv[1:])


try:
    sys.exit(_start())
except EOFError:
    # When the disk is full, Python keeps byte code in part and does not see it.
    if not sys.pycache_prefix:
        raise
    broken, sys.pycache_prefix = sys.pycache_prefix, None
    import shutil
    shutil.rmtree(broken, ignore_errors=True)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.execv(sys.executable, [sys.executable, _HERE, *sys.argv[1:]])
