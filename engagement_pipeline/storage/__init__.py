"""Delta tables and the SQL database: the only code that knows paths and tables.

`Lake` reads and replaces tables, `Database` opens SQL, `Settings` says where both are; `ledger`, `current`
and `pins` hold the rest.
"""
