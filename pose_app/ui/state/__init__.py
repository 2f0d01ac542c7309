"""What the window shows and does, as values without Qt that tell when they change."""
