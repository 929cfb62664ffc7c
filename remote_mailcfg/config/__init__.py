"""From files and variables to values; everything is checked before anything is sent."""
