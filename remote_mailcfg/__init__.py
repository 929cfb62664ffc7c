"""Outgoing mail of a fleet of OpenSPP and Odoo instances, as code."""

__version__ = "0.1.0"
