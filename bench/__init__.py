"""How fast the broker is, compared with other libraries and with the network itself."""
