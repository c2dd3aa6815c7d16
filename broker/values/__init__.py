"""ctypes values and arrays whose bytes are on the server."""
