"""Mail a link with which somebody sets a password."""
