"""How fast the broker is, beside its peers and beside what the network itself costs."""
