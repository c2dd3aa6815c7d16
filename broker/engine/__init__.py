"""What all primitives share: handles, sessions, leases, requests and waiting."""
