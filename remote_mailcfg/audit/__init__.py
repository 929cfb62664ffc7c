"""Rules over evidence: is outgoing mail configured rightly, safely, and does it leave?"""
