"""Secrets at rest: sealed with a key derived from SECRET_KEY, readable with any of its fallbacks."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SecretVault:
    """Seals under the first key; opens under any, so SECRET_KEY can be rotated without losing what is stored."""

    def __init__(self, secret_key: str, fallbacks: tuple[str, ...] = ()):
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in (secret_key, *fallbacks)])

    def seal(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ValueError("sealed with a key that is neither SECRET_KEY nor one of its fallbacks") from None


def _derive(secret_key: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"callboard secrets at rest").derive(secret_key.encode())
    return base64.urlsafe_b64encode(key)
