"""What the domain asks of the keeper of secrets; the keeper itself needs cryptography and lives in provider/vault.py."""

from typing import Protocol


class Vault(Protocol):
    def seal(self, secret: str) -> str:
        """Text that may be stored."""
        ...

    def open(self, sealed: str) -> str:
        """The secret again; ValueError when no key of ours fits."""
        ...
