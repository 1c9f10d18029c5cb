"""Delta tables and the SQL database: the only code that knows paths and tables."""
