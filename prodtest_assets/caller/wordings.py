"""The words by which applications ask, one wording a line.

A line is matched as whole words, in lower case. `(a|b)` is a choice, `x?` may be missing, `..` stands for
up to 24 characters within a sentence, `^` and `$` for its ends.
"""

import re


def wordings(lines: str) -> re.Pattern[str]:
    """Compile lines of wordings into one pattern without groups."""
    return re.compile("|".join(_compiled(line.strip()) for line in lines.strip().splitlines()))


def _compiled(line: str) -> str:
    grouped = re.sub(r"\((?!\?)", "(?:", line).replace(" ..", "..").replace(".. ", "..")
    spaced = grouped.replace("..", r"\b[^.?!]{0,24}\b")
    begins = "" if line.startswith("^") else r"\b"
    return begins + (f"(?:{spaced[:-1]})\\W*$" if line.endswith("$") else f"(?:{spaced})(?!\\w)")


REQUEST = wordings(r"""
    wh(at|ich|en|o|ose)('s|'d)?
    how (long|many|much|do you spell|would you like|early|should (i|we)|(may|can|could) (i|we))
    why are you
    (tell|give) (me|us)
    (please|just|now|kindly|to|and|then) (please )?(say|speak|state|spell|enter|key in|type|provide|repeat)
    (please )?(choose|select|share|pick)|do you have a|is there a (particular|preferred|specific)
    ^(and )?your .. is\?
    ^(say|speak|state|spell|enter|key in|type|provide|pick)
    (may|can|could|might) (i|we) (please )?(have|get|take|ask|know)
    (i|we)('ll| will|'d| would)? (just |also |first |next |still )?(like|love)? ?(need|to know|to have|to get)
    (let's|let us|we) (start|begin) with
    (can|could|would|will) you (please |kindly )?(tell|give|say|spell|state|provide|share|enter|confirm)
    (didn't|did not|couldn't|could not) (quite )?(catch|get|hear|understand)
""")
"""Where a request for information begins."""

NOT_OURS = wordings(r"""
    date of birth|birth ?(day|date)|born|how old|your age|over (18|eighteen)
    e-?mail|address(?! you)|zip|postal|post ?code|insur\w+|credit|debit|card|cvv|payment|pay
    social security|ssn|passport|licen[cs]e|policy|pin|pass(word|code)|identification
    allerg\w+|medicat\w+|symptoms?|emergency|gender|vaccinat\w+|time zone
    (account|member|membership|customer|patient|reference|confirmation|booking|order|room) (number|id|code)
    appointment (number|id|code)
    (how many|number of) (people|persons|guests|adults|children|of you|seats|attendees)
    party (size|of)
    (company|business|middle|maiden|user|pet|dog|cat|provider|branch|nick|street|service)('s)? name
    name of (the|your) (?!person|patient|customer|caller|client)\w+
    (?!what|patient|caller|customer|client|person|who)\w+'s (first |last |full )?name
    (which|what) (doctor|dentist|provider|stylist|barber|therapist|branch|location|clinic|office|service)
    (which|what) (treatment|language|colou?r|size|model|brand|vehicle|car|pet|breed|state|city|country|year|department)
    how much (does|do|is|are|would you pay)|how did you hear|what time is it
""")
"""What a booking caller does not know, or must not tell."""

AGAIN = wordings(r"""
    (can|could|would|will) you (please )?(repeat|say (that|it|this) again)
    please (repeat|try again|say (that|it) again|try that again)
    (once more|one more time|come again|say again)
    ^(i'm )?(sorry,? )?(but )?i (didn't|did not|couldn't|could not) (quite )?(catch|get|hear|understand) (that|you|it)
""")

SPELLING = wordings(r"spell(ing|ed)?")
FIRST_NAME = wordings(r"(first|given) name(?! and)")
LAST_NAME = wordings(r"(?<!first and )(?<!first or )(last|family) name|(?<!name and )surname")
NAME = wordings(r"""
    names?
    who (am i|are you|do i|may i|should|shall|can i|will be)|who('s| is) (this|that|it|calling|speaking|on the)
    who('s| is) the (appointment|booking|visit|reservation|call|caller|patient|customer|client|session|slot)
    (call|address) you(?! back)
""")
PHONE = wordings(r"""
    (tele)?phone|mobile|cell|(call|reach) you (back|at|on)
    (contact|callback|call-back|best|your|ten[- ]digit|10[- ]digit) (\w+ ){0,2}number|number .. area code
    number (to|where|at which|can|you|should|we)
""")
DURATION = wordings(r"""
    how long|duration|length|number of minutes
    how (many|much) (minutes|time|hours)
    (minutes?|hour) .. or .. (minutes?|hours?)
    \d+(, \d+)*,? or (\d+|an hour)
""")
AM_OR_PM = wordings(r"am,? or (in the )?pm|am or is it pm")
PART_OF_DAY = wordings(r"""
    mornings? .. or .. (afternoons?|evenings?)
    part of the day
""")
WEEKDAY = wordings(r"day of the week|weekday")
DAY_AND_TIME = wordings(r"""
    (day|date)s? .. (and|or) .. times?
    (day|date), time
    times? .. and .. (day|date)
    when (would|do|can|could|should|shall|will) (you|we|i)|when you('d| would| want| like)
    when (is|are|works?|suits?|to|for|(we|i) can)(?! you ready)
    when$
    (what|which|time) slot|appointment time|availabilit(y|ies)
""")
DAY = wordings(r"""
    (what|which|preferred|desired|(?<!of )the|a|appointment|start|best) (day|date)
    (day|date) (would|works?|suits?|do|for|you|is|shall|should)
    (?<!of )(?<!of the )(day|date) ?(please)?$
    (month and (the )?day|day and (the )?month)
""")
TIME = wordings(r"""
    (what|which|the|a) (other |start |starting |preferred |desired |best |exact )?(time|hour)(?! zone)
    (preferred|desired|appointment|start|starting|best|exact) time
    (?<!much )times? (would|works?|suits?|do|for|you|is|shall|should|on)
    time ?(please)?$
    times? of (the )?day|how early|o'clock
""")
PURPOSE = wordings(r"""
    reason|purpose|what brings you|why (are you|you('re| are)) calling|what (are you|is this) (calling|call)
    how (can|may|could) (i|we) (help|assist|be of)
    what can (i|we) do for you|what would you like to do|how would you like to proceed
    what do you (need|want)( to do)?$
    (book|schedule|make|reserve|new) .. or .. (cancel|reschedule|change|modify|check|manage|existing)( one)?
""")

PURPOSE_CHOICE = wordings(r"""
    (book|schedule|make|reserve|new)[^.?!]{0,80} or [^.?!]{0,40}(cancel|reschedule|change|modify|check|manage|existing)
""")
OPEN_QUESTION = wordings(r"""
    ^(\w+,? ){0,3}(what|which|where|when|who|whose|why|how)(?! about)('s|'d)?
""")
SAYS_YES_OR_NO = wordings(r"(say|answer|reply|respond)( with)? \W?(either \W?)?yes|yes or no")
ANYTHING_ELSE = wordings(r"(any|some)thing else|what else")
CONFIRM_THIS = wordings(r"^(please|kindly|now|and|so)?,? ?confirm")
SAYS_CONFIRM = wordings(r"say \W?confirm|confirm\W? or \W?(cancel|change)")
_AUX = "(is|are|am|was|do|does|did|shall|should|would|will|can|could|may|have|has)(n't)?"
_SUBJECT = "(i|we|you|it|that|this|there|your|the|my|everything|all|these|those|any)"
AUXILIARY = wordings(rf"""
    ^{_AUX} [^?]*\?$
    (^|and|so|then|now|or|but|well|ok|okay|great|thanks|sorry|(?<=[,;:])) ?{_AUX} {_SUBJECT}
""")
TAG = wordings(r"(right|correct|ok|okay|alright|all right|yes|agreed|is(n't)? (that|it|this))\W*\?$")
STATEMENT = wordings(r"is|are|was|have|has|got|thanks?|noted|set|booked|i'll|we'll")
"""Words by which a short sentence without a verb of asking tells something."""

ANSWER_NO = wordings(r"""
    (another|second|different|other) (appointment|booking|time|day|slot|date|call)
    chang\w+|cancel\w*|start over|resched\w*|wrong|incorrect|repeat|hear .. again
    remind\w*|text message|sms|(speak|talk) (to|with)|operator|receptionist|wait(ing)? ?list|newsletter
    (been|visited|come|booked|called) (\w+ )?(us |here |with us )?before|existing|returning
    add (a |any )?notes?|leave a message|more time
""")
ANSWER_YES = wordings(r"""
    correct|right|confirm\w*|agree|consent|go ahead|proceed|continue|finali[sz]e|ready|happy with
    (book|schedule|reserve|save|make|set|put|lock) (it|this|that|you|your|the|an?|me)
    (looks?|sounds?|is (that|this|it|everything)) (good|right|ok|okay|fine|you|alright|all right)
    (ok|okay|fine|alright|all right|good) (with|for) you|suits?
    works?( for you)?$
    did you say|did i (hear|get|understand|catch|spell|have)|have i (got|understood|spelled)|do i have
    new (patient|customer|client|caller)|first (time|visit)|calling (from|to (book|schedule|make))
    best number|reach you (at|on)
    is (that|it|this)$
""")
READ_BACK_IS_RIGHT = wordings(r"(is|are) (that|this|it|everything|these) (all )?(correct|right)")

TAKEN = wordings(r"""
    (time|slot|one|day|date|am|pm|\d|that|it)('s| is| was| has)( already| just| unfortunately)? (been )?taken
    (not|isn't|no longer|aren't) (available|free|open)|unavailable|(fully|double|already|all) booked
    (not|isn't) (possible|an option)
    already (have|got) an? (appointment|booking)|already (been )?(reserved|taken)|conflicts?|clash\w*
    (can't|cannot|can not|unable to|couldn't) (book|offer|schedule|do|make) (that|this|it|you|the|an?)
    outside (of )?(our |the )?(business |office |opening |working )?hours|closed (then|on that|at that)
""")
"""The wanted time is refused."""
OTHER_TIME = wordings(r"""
    instead|(next|first) (available|free|open)|earliest|nearest|closest|alternatives?|(how|what) about
    (can|could) (i |we )?offer|(another|different|other) (time|slot|day|date|one)
""")
"""Another time is proposed, unless it is the wanted one that is named."""
PROPOSAL = wordings(r"""
    works?|suits?|ok|okay|fine|make it|shall we say|(would|do) you (like|want|prefer|take)|(would|could) you (come|make)
""")
"""A time is proposed."""
OVER = wordings(r"anything else|all set|is booked|been booked|another appointment")

ANY_KEY = wordings(r"any key")
CLOCK_OF_24 = wordings(r"24|twenty[- ]four|military")

LEADS_AWAY = wordings(r"""
    cancel\w*|call(ing)? off|delete|another|different|other|start over|change|redo|re-?enter|try again
    resched\w*|modify|edit|no|not|wrong|incorrect|repeat|again|operator|representative|receptionist|someone
    agent|staff|speak|talk|directions?|(opening|our) hours|location|check|existing|manage|main menu|go back
    previous|billing
""")
"""Menu entries that a caller with a booking in mind does not take."""
AFFIRMS = wordings(r"""
    yes|yeah|correct|right|confirm\w*|accept|agree|proceed|continue|go ahead|keep|save|okay|ok|finali[sz]e
""")
BOOKS = wordings(r"book\w*|appointments?|schedul\w+|reserv\w+|make an?|new (patient|customer|client)")
ENGLISH = wordings(r"english")
CHANGES = wordings(r"""
    no|chang\w+|another|different|other (time|day|date)|choose again|re-?enter|start over|wrong|incorrect
""")
"""Menu entries by which a caller takes back what they said."""
DECLINES = wordings(r"no|decline|refuse|hang up|end|finish\w*|exit|goodbye|nothing|done")
ENDS = wordings(r"no|hang up|end|finish\w*|exit|goodbye|nothing else|done")
