"""The async drivers; their sync twins in `_sync` are generated from them."""
