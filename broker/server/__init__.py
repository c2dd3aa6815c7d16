"""The server: its URL, whether it is suitable, and a private one."""
