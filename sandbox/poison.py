"""Bodies that no honest sender makes, signed like honest ones."""

BODIES: dict[str, bytes] = {
    "not_json": b"event=call.completed&status=ended",
    "nested": b"[" * 30_000 + b"]" * 30_000,
    "nested_open": b'{"event":' * 30_000,
    "nul": b'{"event":"call.completed","data":{"call_id":"a\\u0000b","summary":"\\u0000","to_number":"+1\\u0000"}}',
    "raw_nul": b'{"event":"call.completed\x00"}',
    "lone_surrogate": b'{"event":"call.completed","data":{"call_id":"poison-surrogate","summary":"\\ud800"}}',
    "nan": b'{"event":"call.completed","data":{"call_id":"poison-nan","duration_seconds":NaN,"sentiment":Infinity}}',
    "duplicate_keys": b'{"event":"call.ringing","event":"call.completed","data":{"status":"ringing","status":"ended"}}',
    "utf_16": '{"event":"call.completed"}'.encode("utf-16"),
    "long_number": b'{"event":"call.completed","data":{"call_id":"poison-number","duration_seconds":'
    + b"9" * 5000
    + b"}}",
    "empty": b"",
    "scalar": b'"call.completed"',
}


def body_number(count: int) -> tuple[str, bytes]:
    """The bodies in turn, for ever."""
    name = list(BODIES)[count % len(BODIES)]
    return name, BODIES[name]
