"""The words by which keypad menus name their entries. Written as `wordings.py` says."""

from prodtest_assets.caller.wordings import wordings

ANY_KEY = wordings(r"any key")
KEYED_IN = wordings(r"enter|key in|punch in|type|dial|digits?|key ?pad|press|keys")
CLOCK_OF_24 = wordings(r"24|twenty[- ]four|military|to (17|18|19|20|21|23)")
CLOCK_OF_12 = wordings(r"12[- ]hour|twelve[- ]hour|to (12|twelve)")
FOUR_DIGITS = wordings(r"(four|4)[- ]digits?|hhmm")

LEADS_AWAY = wordings(r"""
    cancel\w*|call(ing)? off|delete|another|different|other|start over|change|redo|re-?enter|try again
    resched\w*|modify|edit|no|not|wrong|incorrect|repeat|again|operator|representative|receptionist|reception|someone
    agent|staff|speak|talk|directions?|(opening|our) hours|location|check
    existing|returning|already|manage|main menu|go back
    previous|billing|skip|otherwise|(next|first) (available|free|opening|one)
    earliest|soonest|view|review|upcoming|decline|reject
    questions?|[ei]nquir\w*|remind\w*|by text|text|sms|feedback|survey|isn't
""")
"""Menu entries that a caller with a booking in mind does not take."""
EXTRAS = wordings(r"remind\w*|text|sms|feedback|survey|e-?mail")
YES_OR_NO_LABEL = wordings(r"""
    ^(yes|no)
    ^(that's |this is |it's |it is |that is )?(correct|right)$
""")
NEW_BOOKING = wordings(r"""
    (book|schedule|make|reserve|arrange|request|set up|get) an?( new)? (appointment|booking|visit|reservation|slot)
    new (appointment|booking|visit)s?
""")
BEGINS_TO_BOOK = wordings(
    r"^(book|schedule|make|reserve|arrange|request|set up|appointments?|bookings?|an? (new )?(appointment|booking))"
)
AFFIRMS = wordings(r"""
    yes|yeah|correct|right|confirm\w*|accept|agree|consent|still (there|here)
    proceed|continue|go ahead|keep|save|okay|ok|fine|finali[sz]e
    begin|get started|start|lock (it|this|that|in)|secure|submit|take (it|this|that)
    use (this|the|your|my) ..number|complete
""")
BOOKS = wordings(r"""
    book\w*|appointments?|schedul\w+|reserv\w+|make an?|new (patient|customer|client)s?
    first (visit|time)|visits?|come in|(make|book|schedule) one
    available (times|slots|days|dates)|(choose|pick|find|select) a (day|date|time)
    ^(a )?new$
""")
ENGLISH = wordings(r"^(in )?english$")
CHANGES = wordings(r"""
    no|none|neither|not|isn't|chang\w+|another|different|other (time|day|date)s?
    (choose|enter|pick|try|say|start) (it )?again|re-?enter|start over|wrong|incorrect
    otherwise|(next|more|other|later) (opening|one|times?|dates?|days?|slots?|options?|available)|new (one|time|day)
""")
"""Menu entries by which a caller takes back what they said."""
DECLINES = wordings(r"no|not|isn't|decline|reject|refuse|hang up|end|finish\w*|exit|goodbye|nothing|done|skip")
ENDS = wordings(r"no|hang up|end|finish\w*|exit|goodbye|nothing else|done")
