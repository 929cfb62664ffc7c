"""One use case a file: each takes a target, returns a result and prints nothing."""
