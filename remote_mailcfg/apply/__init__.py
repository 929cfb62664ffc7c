"""The only writer of mail servers: prove, switch, verify."""
