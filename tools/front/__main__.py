# SPDX-License-Identifier: Apache-2.0
"""Entry of `python3 tools/front`: put the package on the path, byte code under build/."""
import os
import sys

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

from front.cli import main  # noqa: E402  (the path had to be set first)

sys.exit(main(sys.argv[1:]))
