"""Real peers for the integration tests, one module per peer.

Every peer listens on loopback only, on ports found free, keeps its files in a temporary directory, and is stopped by
its own process id.  A peer that is not installed skips the tests that need it, except in CI, where it fails them.
"""
