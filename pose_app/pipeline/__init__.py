"""The threads between a source and its poses and files. No Qt."""
