"""`python -m remote_mailcfg`."""

from remote_mailcfg.cli.main import run

run()
