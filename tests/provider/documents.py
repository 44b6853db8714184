"""What any provider might answer: bytes, JSON of any shape, and JSON that nearly is what we expect."""

import json

from hypothesis import strategies as st

WORDS = """
    detail message error errors msg loc code data campaign campaign_id id status name targets context total
    calls items results call_id to_number access_token refresh_token expires_in
"""
NAMES = st.sampled_from(WORDS.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=5),
    max_leaves=12,
)
BODIES = st.binary() | DOCUMENTS.map(lambda document: json.dumps(document).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Location"]),
    st.text(max_size=40)
    | st.sampled_from(["3", "-1", "1e9", "9" * 5000, "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 99 Oct 99999 99:99:99 GMT"])
    | st.sampled_from(["http://[", "//", "https://elsewhere.example:99999/", "http://a\x00b/", "/relative"]),
)
