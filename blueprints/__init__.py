"""The doors: each reads the request, makes one call into the domain, and renders."""
