"""Rules over evidence: whether outgoing mail is configured rightly and safely, and leaves."""
