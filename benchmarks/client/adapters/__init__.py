"""One module per peer API; each offers `open_sync`, `open_asyncio` or `open_trio` where the peer can do it."""
