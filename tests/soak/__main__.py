"""`python -m tests.soak --minutes 30`, from the repository's root."""

import sys

from tests.soak.command import main

if __name__ == "__main__":
    sys.exit(main())
