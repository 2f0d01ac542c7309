"""Threads from a source to poses and files; no Qt here."""
