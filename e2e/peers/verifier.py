"""A service that verifies tokens: `verifier.py KEY_SET ISSUER AUDIENCE TOKEN...`.

Fetches the keys as PyJWT's client does; prints what each token claims, or why it is not good, as JSON.
"""

import json
import sys

import jwt

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]

key_set, issuer, audience = sys.argv[1:4]
client = jwt.PyJWKClient(key_set, timeout=30)
done = []
for token in sys.argv[4:]:
    try:
        key = client.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=audience,
            options={"require": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]},
        )
        done.append({"claims": claims, "header": jwt.get_unverified_header(token)})
    except jwt.PyJWTError as error:
        done.append({"error": type(error).__name__})
print(json.dumps(done))
