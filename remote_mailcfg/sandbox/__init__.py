"""A stand-in for Odoo with real SMTP servers. It imports nothing of the rest of the package."""
