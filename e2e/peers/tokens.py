"""Makes keys, and signs tokens with them as PyJWT does; prints all of it as JSON.

Arguments: how many tokens to make whose keys nobody knows.
"""

import json
import sys
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = int(time.time())


def jwk(key, kid, algorithm):
    """The public key, as a document of keys has it."""
    kinds = {"RS": jwt.algorithms.RSAAlgorithm, "ES": jwt.algorithms.ECAlgorithm}
    kind = kinds.get(algorithm[:2], jwt.algorithms.OKPAlgorithm)
    one = json.loads(kind.to_jwk(key.public_key()))
    one.pop("key_ops", None)
    return one | {"kid": kid, "use": "sig"}


def pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def sign(key, algorithm, kid, **more):
    claims = {
        "iss": "https://id.example",
        "sub": "ada",
        "aud": ["shop", "other"],
        "iat": NOW,
        "exp": NOW + 3600,
        "email": "ada@example.com",
        "roles": ["reader", "writer"],
    }
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims | more, key, algorithm=algorithm, headers=headers)


first = rsa.generate_private_key(public_exponent=65537, key_size=2048)
second = rsa.generate_private_key(public_exponent=65537, key_size=2048)
curve = ec.generate_private_key(ec.SECP256R1())
edwards = ed25519.Ed25519PrivateKey.generate()
print(
    json.dumps(
        {
            "first": {
                "keys": [
                    jwk(first, "first", "RS256"),
                    jwk(curve, "curve", "ES256"),
                    jwk(edwards, "edwards", "EdDSA"),
                ]
            },
            "second": {"keys": [jwk(second, "second", "RS256")]},
            "pem": pem(curve),
            "secret": jwt.algorithms.HMACAlgorithm.to_jwk(b"s" * 32),
            "good": {
                "RS256": sign(first, "RS256", "first"),
                "PS256": sign(first, "PS256", "first"),
                "RS512": sign(first, "RS512", "first"),
                "ES256": sign(curve, "ES256", "curve"),
                "EdDSA": sign(edwards, "EdDSA", "edwards"),
            },
            "unnamed": sign(second, "RS256", None),
            "rotated": sign(second, "RS256", "second"),
            "own": sign(curve, "ES256", "x", iss="https://shop.example", sub="root"),
            "bad": {
                "expired": sign(first, "RS256", "first", exp=NOW - 60),
                "early": sign(first, "RS256", "first", nbf=NOW + 3600),
                "audience": sign(first, "RS256", "first", aud="shopping"),
                "issuer": sign(first, "RS256", "first", iss="https://id.example.evil"),
                "stranger": sign(first, "RS256", "first", sub="eve"),
                "secret": sign("s" * 32, "HS256", "first"),
                "none": jwt.encode({"sub": "ada", "exp": NOW + 60}, None, algorithm="none"),
                "other key": sign(second, "RS256", "first"),
            },
            "unknown": [
                sign(second, "RS256", f"unknown-{number}") for number in range(int(sys.argv[1]))
            ],
        }
    )
)
