"""Training, evaluating, calibrating and quantizing networks. Needs torch; only commands use it."""
