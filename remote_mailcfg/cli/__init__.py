"""The command line: words and options in, exit code out. What a command does is in `operations`."""
