"""The state of the window as observable values, free of Qt."""
