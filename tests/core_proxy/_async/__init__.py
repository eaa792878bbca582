"""Fakes for the async side; their sync twins in `_sync` are generated from them."""
