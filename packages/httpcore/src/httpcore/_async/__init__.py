"""The async classes; their sync twins in `_sync` are generated from them."""
