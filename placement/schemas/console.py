"""Schemas of ``POST /-/v1/console/sessions``."""

from placement.schemas.common import Schema, closed
from placement.schemas.validation import Schemas

_TEXT: Schema = {"type": "string"}
_CODE: Schema = {"type": "string", "minLength": 1, "maxLength": 100}

SESSION_BODY = Schemas({(1, 0): closed({"code": _CODE})})
SESSION = Schemas({(1, 0): closed({"token": _TEXT, "expires_at": _TEXT})})
