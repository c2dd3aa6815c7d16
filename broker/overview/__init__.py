"""An overview of all primitives on a server."""
