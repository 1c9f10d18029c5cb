"""Destinations that audiences are handed to."""
