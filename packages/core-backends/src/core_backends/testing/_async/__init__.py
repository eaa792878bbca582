"""What tests async code; the twins in `_sync` are generated from it."""
