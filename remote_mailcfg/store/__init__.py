"""What is kept on disk between commands, in the user's state folder, readable by the user alone."""
