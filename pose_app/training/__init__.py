"""Training, measuring and calibrating networks; needs torch, used by no other room but the CLI."""
