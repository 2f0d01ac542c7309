"""Annotated and raw videos and keypoint logs: writing, exporting, verifying and repairing them."""
