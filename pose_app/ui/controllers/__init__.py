"""What the window's commands do: one controller per subject, each with the widgets it owns."""
