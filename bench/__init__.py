"""Measurements, one `make bench-<name>` each; the figures in the README come from here."""
