"""The plumbing that every party bolts in: settings, state, TLS, request table, peers, logs. It knows no format."""
