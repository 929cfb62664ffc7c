"""The wires: one HTTP client, three ways to call a method, and the web session."""
