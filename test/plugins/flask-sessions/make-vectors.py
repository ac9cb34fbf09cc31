"""Makes the vectors of one set of versions, and prints them as JSON.

The tests read `vectors.json` and do not run this script. To make that file again, run it once in an
environment with each set of versions, from the folder of this file:

    pip install Flask==3.1.3 Flask-Login==0.6.3 itsdangerous==2.2.0 Werkzeug==3.1.9
    python make-vectors.py > new.json
    pip install Flask==2.0.3 Flask-Login==0.5.0 itsdangerous==2.0.1 Werkzeug==2.0.3
    python make-vectors.py > old.json
    jq -s . new.json old.json > vectors.json

Flask itself makes and signs each cookie: by a login through Flask-Login, or, for content that no
login has, by the serializer of the session interface of the same application.
"""

import json
import time
import zlib
from importlib.metadata import version

from flask import Flask, session
from flask_login import LoginManager, UserMixin, login_user
from itsdangerous import TimestampSigner, URLSafeTimedSerializer, base64_encode

SECRET_KEY = "the key of the old service"
PACKAGES = ["Flask", "Flask-Login", "itsdangerous", "Werkzeug"]


def make_app(secret_key=SECRET_KEY):
    app = Flask(__name__)
    app.secret_key = secret_key
    login_manager = LoginManager(app)

    class User(UserMixin):
        def __init__(self, user_id):
            self.id = user_id

    login_manager.user_loader(User)

    @app.route("/login/<user_id>/<kind>/<int:padding>")
    def login(user_id, kind, padding):
        session.permanent = kind == "permanent"
        if padding:
            session["padding"] = "x" * padding
        login_user(User(user_id))
        return ""

    @app.route("/anonymous")
    def anonymous():
        session["_flashes"] = [("message", "Hello")]
        return ""

    return app


def cookie_of(app, path):
    response = app.test_client().get(path)
    return response.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]


def signed(app, content):
    return app.session_interface.get_signing_serializer(app).dumps(content)


def signer_of(app):
    serializer = app.session_interface.get_signing_serializer(app)
    return serializer.make_signer(serializer.salt)


def replaced(text, index, other):
    return text[:index] + (other if text[index] != other else "B") + text[index + 1 :]


app = make_app()
other = make_app("another key")
plain = cookie_of(app, "/login/7/browser/0")
payload, timestamp, signature = plain.rsplit(".", 2)
bomb = b"." + base64_encode(zlib.compress(b'{"_user_id":"7","a":"' + b"a" * 4_000_000 + b'"}', 9))

valid = {
    "a login": (plain, 7),
    "a permanent session": (cookie_of(app, "/login/8/permanent/0"), 8),
    "the first account, an admin": (cookie_of(app, "/login/1/permanent/0"), 1),
    "not compressed": (signed(app, {"_fresh": True, "_user_id": "11"}), 11),
    "well compressed": (cookie_of(app, "/login/9/browser/2000"), 9),
    "well compressed and permanent": (cookie_of(app, "/login/10/permanent/2000"), 10),
    "the largest id": (cookie_of(app, "/login/9007199254740991/browser/0"), 9007199254740991),
}
refused = {
    "another key": cookie_of(other, "/login/7/browser/0"),
    "another salt": URLSafeTimedSerializer(
        SECRET_KEY, salt="other", signer_kwargs={"key_derivation": "hmac"}
    ).dumps({"_user_id": "7"}),
    "another key derivation": URLSafeTimedSerializer(SECRET_KEY, salt="cookie-session").dumps(
        {"_user_id": "7"}
    ),
    "a tampered payload": replaced(payload, 10, "A") + f".{timestamp}.{signature}",
    "a tampered timestamp": f"{payload}." + replaced(timestamp, 5, "A") + f".{signature}",
    "a tampered signature": f"{payload}.{timestamp}." + replaced(signature, 5, "A"),
    "no timestamp": f"{payload}.{signature}",
    "a compressed bomb": signer_of(app).sign(bomb).decode(),
    "compression that is broken": signer_of(app).sign(b"." + base64_encode(b"not zlib")).decode(),
    "no JSON": signer_of(app).sign(base64_encode(b"{'_user_id': '7'}")).decode(),
    "an anonymous session": cookie_of(app, "/anonymous"),
    "an empty session": signed(app, {}),
    "a list": signed(app, ["_user_id"]),
    "null": signed(app, None),
    "text": signed(app, "_user_id"),
    "the id as a number": signed(app, {"_user_id": 7}),
    "the id as a list": signed(app, {"_user_id": ["7"]}),
    "the id as null": signed(app, {"_user_id": None}),
    "the id below a prototype": signed(app, {"__proto__": {"_user_id": "7"}}),
}
for user_id in ["", "0", "-7", "+7", "07", "7.0", "7e0", "0x7", " 7", "7 ", "7\n", "\u0667", "None"]:
    refused[f"the id {json.dumps(user_id)}"] = signed(app, {"_user_id": user_id})
for user_id in ["9007199254740992", "10000000000000000", "1" * 400]:
    refused[f"the id {user_id[:17]}, too large"] = signed(app, {"_user_id": user_id})

result = {
    "versions": {name: version(name) for name in PACKAGES},
    "secretKey": SECRET_KEY,
    "madeAt": int(time.time()),
    "valid": [
        {
            "name": name,
            "cookie": cookie,
            "userId": user_id,
            "signedAt": int(signer_of(app).unsign(cookie, return_timestamp=True)[1].timestamp()),
        }
        for name, (cookie, user_id) in valid.items()
    ],
    "refused": [{"name": name, "cookie": cookie} for name, cookie in refused.items()],
}
assert isinstance(signer_of(app), TimestampSigner)
print(json.dumps(result, indent=2))
