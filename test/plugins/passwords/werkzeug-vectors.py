"""Prints hashes made by Werkzeug and by Python's bcrypt, as one JSON document.

Run it once for each version of Werkzeug, and join the lists in werkzeug-vectors.json:

    pip install werkzeug==3.1.9 bcrypt==5.0.0
    python werkzeug-vectors.py
"""

import json
from importlib.metadata import version

import bcrypt
from werkzeug.security import check_password_hash, generate_password_hash

PASSWORDS = [
    "correct horse battery",
    "caf\u00e9 am stra\u00dfenbahnh\u00f6f",
    "cafe\u0301 decomposed",
    "\u5bc6\u7801 \U0001f511 \u043f\u0430\u0440\u043e\u043b\u044c",
    "longer than 72 bytes " * 5,
    "a NUL \0 inside",
]

LIBRARY = version("werkzeug")
# Expensive methods, the defaults of the versions, are for one password only.
METHODS = {"pbkdf2:sha256": 1, "pbkdf2:sha256:1200": 6, "pbkdf2:sha1:1000": 2}
METHODS |= {"pbkdf2:sha224:1500": 2, "pbkdf2:sha384:2000": 2, "pbkdf2:sha512:2500": 2}
if LIBRARY >= "2.3":
    METHODS |= {"scrypt": 1, "scrypt:1024:8:1": 6, "scrypt:128:2:3": 2}

vectors = []
for method, count in METHODS.items():
    for password in PASSWORDS[:count]:
        text = generate_password_hash(password, method)
        assert check_password_hash(text, password)
        vectors.append({"by": f"Werkzeug {LIBRARY}", "password": password, "hash": text})

LIBRARY = version("bcrypt")
for prefix, count in {"2b": 4, "2a": 2, "2y": 2}.items():
    for password in PASSWORDS[:count]:
        # This library writes $2a$ and $2b$. $2y$ is PHP's name for $2b$.
        salt = bcrypt.gensalt(4, prefix=b"2a" if prefix == "2a" else b"2b")
        text = bcrypt.hashpw(password.encode(), salt).decode()
        text = f"${prefix}$" + text[4:]
        vectors.append({"by": f"bcrypt {LIBRARY}", "password": password, "hash": text})

print(json.dumps(vectors, indent=2))
