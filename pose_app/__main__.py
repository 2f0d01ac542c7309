"""`python -m pose_app`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
