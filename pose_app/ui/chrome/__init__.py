"""What surrounds the picture: menus, toolbar, docks, seek bar, messages, status bar."""
