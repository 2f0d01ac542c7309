"""`python -m pose_app`."""

from .cli import entry

if __name__ == "__main__":
    entry()
