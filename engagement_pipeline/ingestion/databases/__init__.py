"""Rows of databases: connecting, what is new, and rows as JSON text.

`connection` opens a database read-only and words its errors without credentials; `watermarks` are places in a
table; `values` writes rows as JSON; `pull` streams what is new in batches. Not here: landing batches
(`ingestion.pulling`), and the project's own database (`storage.database`).
"""
