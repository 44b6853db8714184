"""Hand over what is to be told to an endpoint: claim, commit, POST, record."""
