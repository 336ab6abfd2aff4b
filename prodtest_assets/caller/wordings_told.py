"""The words by which applications tell something: that a time is taken, that another is proposed, who they heard.

Written as `wordings.py` says.
"""

from prodtest_assets.caller.spoken import DAYS, MONTHS
from prodtest_assets.caller.wordings import wordings

TAKEN = wordings(r"""
    (time|slot|one|day|date|[ap]m|\d|that|it)('s| is| was| has)( already| just| unfortunately)? (been )?taken
    (not|isn't|no longer|aren't) (available|free|open)|unavailable|(fully|double|already|all) booked
    (not|isn't) (possible|an option)|(won't|doesn't|does not|will not) work|just went
    (has|have|is|are|we're) (now |already |just |completely |all )?(gone|full)(?! (name|hour))
    already (have|got) an? (appointment|booking)|already (been )?(reserved|taken)|conflicts?|clash\w*
    (?<!you )(can't|cannot|can not|unable to|couldn't) (book|offer|schedule|do|make|fit|take)
    (we are|we're|i'm|is|are) (fully )?(booked|full) (at|on|then|up at)
    nothing('s)? (at|on|that|free|left|open|available)
    no (openings?|slots?|times?|availability|appointments?|space) (at|on|left)
    outside (of )?(our |the )?(business |office |opening |working )?hours|closed (then|on that|at that)
""")
"""The wanted time is refused."""
OTHER_TIME = wordings(r"""
    instead|(next|first) (available|free|open|opening)|earliest|nearest|closest|alternatives?|(how|what) about
    (an?|the) (earlier|later) (time|slot|day|date|one|appointment|opening)
    (can|could) (i |we )?offer|(another|different|other) (time|slot|day|date|one)
""")
"""Another time is proposed, unless it is the wanted one that is named."""
NO_PROPOSAL = wordings(rf"""
    happy|today is|park(ing)?|policy|deposit
    ({"|".join(DAYS).lower()})s? (to|through|thru|until) ({"|".join(DAYS).lower()})
    (confirmation|reference|booking|ticket|case|order) (number|code|id)
    we('re| are)? (also )?(open|close)|open (from|between|until|on)
    (opening|business|office|our) hours|hours are|clos(ed|es)
    remind\w*|arrive|(call|text|reach|contact|phone|dial) us|our (phone )?number|appointments are
    every|between .. and|after .. hours|last (visit|time|appointment)
    (call|this|it|survey) (will |may |should |only |just )*takes?
""")
"""A clause whose days, times and lengths are not those of an appointment."""
NOT_MEANT = wordings(r"""
    (ends at|until|till|finish\w* at) [\w:]+( [ap]m)?
    or (would|do|shall|should) (you|i|we) [^.?!]*
    (instead of|rather than|other than) ([ap]m|[\w:]+)( [ap]m)?
    \w+ (minutes|min|hours) (early|earlier|before|prior|beforehand|ahead|late|later|in advance|notice|grace)
""")
NAMED = wordings(r"""
    (your|the|first|last|full) name (is|as)|is your (first |last |full )?name|am i (speaking|talking) (with|to)
    i (heard|understood)|(you|did you) (said|say)|did i hear|(i have|got|put|have) you (down )?as|under the name( of)?
""")
"""A name follows, if it is not one of the next words."""
NO_NAME = wordings(rf"""
    {"|".join((*DAYS, *MONTHS)).lower()}|tomorrow|today|noon|[ap]m|mornings?|afternoons?|evenings?|minutes?|hours?|half
    one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen
    twenty|thirty|forty|fifty|sixty|ninety|o'clock
    an?|the|you|your|that|this|it|to|for|in|at|on|of|and|or|as|with|we|i|is|are|was|want\w*|would|like|need|please
    yes|no|not|spell\w*|correct\w*|right|book\w*|appointments?|schedul\w*|reserv\w*|new|chang\w*|cancel\w*
    someone|again|something|anything|nothing|so|what|ok|okay|mrs?|ms|dr|names?|surname|thanks?|hello|hi|great|now|very
""")
OVER = wordings(r"""
    anything else|all set(?! to)|(is|been|all|now|are|you're) (booked|confirmed|scheduled|reserved)( in)?
    booking is complete
""")
