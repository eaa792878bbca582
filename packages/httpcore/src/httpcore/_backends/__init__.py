"""The backends, at the paths where other projects look for them: the same objects as the public names."""
