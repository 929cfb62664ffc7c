"""One function over many targets; a single instance is a fleet of one."""
