"""One logged-in Odoo: what is read from it and the single calls that change it."""
