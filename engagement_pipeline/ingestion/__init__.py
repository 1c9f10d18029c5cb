"""Readers of files, landing, and raw rows to canonical events and profiles."""
