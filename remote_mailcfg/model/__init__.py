"""The nouns: targets, mail servers, capabilities, and how Odoo chooses among servers."""
