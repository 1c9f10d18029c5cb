"""What people read: terminal tables and small pictures."""
