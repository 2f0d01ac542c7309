"""The real pipeline for a long time, with faults, and an account of everything."""
