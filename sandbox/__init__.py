"""A stand-in for the provider: its own process and port, real signed HTTP, no real calls.

Outcomes are seeded and mixed like real ones: answered 45 %, voicemail 20, no answer 20, busy 6, declined 5, failed 4.
A number whose last four digits are one of these always ends the same way:

    0101  answered
    0102  voicemail
    0103  no answer
    0104  busy
    0105  declined
    0106  failed
    0107  no answer at first, answered every second time it is dialled
    0108  silence: it is dialled, but no event and no call record ever tells of it
"""
