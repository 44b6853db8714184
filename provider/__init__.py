"""The outside: the provider's client, its webhook envelope and its words. No other room knows its field names."""
