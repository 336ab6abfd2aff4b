"""The words by which applications ask, one wording a line.

A line is matched as whole words, in lower case. `(a|b)` is a choice, `x?` may be missing, `..` stands for
up to 24 characters within a sentence, `^` and `$` for its ends.
"""

import re

from prodtest_assets.caller.spoken import DAYS, MONTHS


def wordings(lines: str) -> re.Pattern[str]:
    """Compile lines of wordings into one pattern without groups."""
    return re.compile("|".join(_compiled(line.strip()) for line in lines.strip().splitlines()))


def _compiled(line: str) -> str:
    grouped = re.sub(r"\((?!\?)", "(?:", line).replace(" ..", "..").replace(".. ", "..")
    spaced = grouped.replace("..", r"\b[^.?!]{0,24}\b")
    begins = "" if line.startswith("^") else r"\b"
    return begins + (f"(?:{spaced[:-1]})\\W*$" if line.endswith("$") else f"(?:{spaced})(?!\\w)")


_WE_WILL = r"(?<!we'll )(?<!i'll )(?<!will )(?<!we )"
_ASKS = "say|speak|state|spell|enter|key in|punch in|type|provide|give|leave|record|pick|tell|introduce|dial"
REQUEST = wordings(rf"""
    wh(at|ich|en|o|om|ose)('s|'d|'re)?
    how (long|many|much|do you spell|is ..spel(led|t)|would you like|early|should (i|we)|(may|can|could|shall) (i|we))
    how can you be reached
    why are you
    (tell|give) (me|us)
    (please|just|now|kindly|to|and|then) (please )?({_ASKS}|repeat)
    {_WE_WILL}(choose|select|share|pick)|do you have a|is there a (particular|preferred|specific)
    ^and you are\?
    ^(and )?your .. (is|was)\?|^(and )?the \w+ (is|will be) for\?
    (^|(?<=, )|(?<=tone )|(?<=beep )|(?<=keypad )|(?<=phone ))({_ASKS})
    (begin|start) (with|by)|let (me|us) (have|get|know)
    (may|can|could|might) (i|we) (please |just |also )?(have|get|take|ask|know|grab)
    (i|we)('ll| will|'d| would)? (just |also |first |next |still )?(like|love)? ?(need|to know|to have|to get)
    (can|could|would|will) you (please |kindly )?(tell|give|say|spell|state|provide|share|enter|confirm)
    (would|do) you mind (telling|giving|saying|spelling|stating|sharing)
    (didn't|did not|couldn't|could not) (quite )?(catch|get|hear|understand)
    (don't|do not) have your
""")
"""Where a request for information begins."""

BUSY = wordings(r"""
    ^(i'm |i am |we're |we are )?(just )?(checking|looking|finding|searching)
    ^(let me|i'll|i will|we'll|we will) (just |now )?(see|check|look|find|pull|call|ask|text|send)
""")
"""The application says what it does."""
NOT_OURS = wordings(r"""
    date of birth|birth ?(day|date)|born|how old|your age|over (18|eighteen)
    e-?mail|address(?! you)|zip|postal|post ?code|insur\w+|credit|debit|card|cvv|payment|pay
    social security|ssn|passport|licen[cs]e|policy|pin|pass(word|code)|identification|registration
    allerg\w+|medicat\w+|symptoms?|emergency|gender|vaccinat\w+|time zone|pain
    (account|member|membership|customer|patient|reference|confirmation|booking|order|room|case) (number|id|code)
    appointment (number|id|code)
    (how many|number of) (people|persons|guests|adults|children|of you|seats|attendees|pets|dogs|cats|cars)
    party (size|of)
    (company|business|middle|maiden|user|pet|dog|cat|provider|branch|nick|street|service)('s)? name
    name of (the|your) (?!person|patient|customer|caller|client|guest|account holder)\w+
    (?!what|patient|caller|customer|client|person|guest|who|that|it)\w+'s (first |last |full )?name
    (which|what) (doctor|dentist|provider|stylist|barber|therapist|branch|location|clinic|office|service)
    (which|what) (treatment|language|colou?r|size|model|brand|vehicle|car|pet|breed|state|city|country|year|department)
    who (is|was) your \w+|make and model
    phone( number)? of (your|the) \w+|number of your \w+|\w+'s (phone |mobile )?number
    (number|date|day|time|name)( is)? (on|in) your (?!(\w+ )?(key ?pad|(tele)?phone))\w+
    leave (us |me )?(a|your) (\w+ )?message (with|after|at|and)|voice ?mail
    how long (have|has|had|did|ago|was|were)|how long (is|are) your (?!appointment|visit|booking|meeting|session)\w+
    (what|which) (day|date|time|month) (did|does) (?!(you|that|it|this)\b)\w+
    minutes (late|away)|usually|normally|favou?rite
    to call your|referr?(al|ed)?|recommended
    how much (does|do|is|are|would you pay)|how did you hear|what time (is it|did|does|do you (open|close))
    (dr|mr|mrs|ms) \w+[^.?!]{0,40} or [^.?!]{0,30}(dr|mr|mrs|ms)
    (first|this) (\w+ )?or (the )?(second|other|last|next|that)
    when (did|does|was|is your)|(first|second) choice|last (visit|appointment|cleaning|check-?up)
""")
"""What a booking caller does not know, or must not tell."""

ASIDE = wordings(r"""
    one (more|last) time|(at )?this time( around)?|at a time(?! (that|when|which|you|of))|(at )?any ?time|take your time
    for your time|in (the mean)?time|on time|during the (day|tone|call)|sometime|at the same time|some time
    (business|working) days?|have an? (nice|great|good|lovely|wonderful|pleasant) day
    hours a day|all day|(under|by|in) your name|nam(ed|ing)
""")
"""Turns of phrase that mention a day, a time or a name without asking for it."""
THAT_DAY = wordings(r"((on|for|of) )?(that|the same|this) (day|date)( and time)?")
"""The day is settled."""
FULL_NAME = wordings(r"""
    (first|given)( name)?,? (and|then|and then|&|or|plus) (your |the )?(last|family|second|sur)( ?name)?
    name and (your )?(surname|last name|family name)
""")

AGAIN = wordings(r"""
    ^what (is|was) (it|that)\?
    (can|could|would|will) you (please )?(repeat|say (that|it|this) again)
    please (repeat|try again|say (that|it) again|try that again)
    (once more|one more time|come again|say again)
    ^(i'm )?(sorry,? )?(but )?i (didn't|did not|couldn't|could not) (quite )?(catch|get|hear|understand) (that|you|it)
""")

OFFERS_TO_REPEAT = wordings(r"(would|do) you (like|want|need|wish)|(shall|should) (i|we)")

SPELLING = wordings(r"spell(ing|ed|s)?|spelt")
FIRST_NAME = wordings(r"(first|given|christian) name|forename")
LAST_NAME = wordings(r"(last|family|second) name|surname")
NAME = wordings(r"""
    yours$
    ^and you are$
    names?|introduce yourself|(coming|been) in\?
    whom? (am i|are you|do i|may i|should|shall|can i|will|would you (like|want) the)
    whom? (have i|are we)|who('s| is) (this|that|it|calling|speaking|coming|visiting|on the)
    who('s| is) the (appointment|booking|visit|reservation|call|caller|patient|customer|client|session|slot)
    (is|will be) for\?|who (you are|i have|i am|i'm)
    (call|address) you(?! (back|at|on|if|when|about|to|with|for|in))
""")
LAST_FOUR = wordings(r"last (four|4) digits of your .. (phone|mobile|cell|number)")
PHONE = wordings(r"""
    (?<!by )(?<!on your )(?<!using your )(?<!on )(tele)?phone(?!'s)|mobile|cell|(call|reach|text|ring) you (back|at|on)
    (contact|callback|call-back|best|daytime|ten[- ]digit|10[- ]digit) (\w+ ){0,2}number
    your (full |own |current |preferred |direct |home |work )?number|number .. area code
    number (to|for|where|at which|can|you|should|shall|do|may|we)|how (can|should|may|do) we (reach|contact) you
    how can you be reached|way to (reach|contact)|where can we (reach|call)
    say (the|a|your) number|(reach|contact|get hold of) you\?
""")
_LENGTH = "(15|20|30|45|60|90|fifteen|thirty|forty[- ]five|sixty)"
DURATION = wordings(rf"""
    how long|duration|length|number of minutes
    how (many|much) (minutes|time|hours)
    (minutes?|hours?|half) .. or .. (minutes?|hours?|more)
    (short|long|quick|half)(er)? .. or .. (short|long|full)(er)?
    {_LENGTH}[^.?!]{{0,20}},? or (\d+|an hour|thirty|sixty)(?! ?([ap]m|o'clock|:))
    {_LENGTH}[^.?!]{{0,20}},? and \w+[- ]minutes?
""")
AM_OR_PM = wordings(r"(?<!\d )am,? or (in the |is it )?pm")
PART_OF_DAY = wordings(r"""
    mornings? .. or .. (afternoons?|evenings?|arvo)
    part of the day
""")
WEEKDAY = wordings(r"day of the week|weekday")
MINUTE = wordings(r"(enter|key in|dial|type) (in )?the (two[- ]digit )?minutes?(?! of (your|the))")
YEAR = wordings(r"(enter|key in|dial|type|digits? for) (in )?the (four[- ]digit |two[- ]digit )?year")
MONTH = wordings(r"(which|what|enter the|say the|digits? for the|number of the) month")
DAY_AND_TIME = wordings(r"""
    (day|date)s? (\w+ ){0,3}(and|or|with|plus|followed by) (\w+ ){0,3}(times?|hour)
    (day|date), (\w+ ){0,2}time
    times? .. and .. (day|date)
    when (would|do|can|could|should|shall|will|might|were|may) (you|we|i|be|it|that|suits?)|when (you )?(suits?)
    when you('d|'re| are| would| want| like)(?! ready)
    when(ever)? (is|are|works?|suits?|to|for|(we|i) can)(?! you ready)
    when's (good|best|it|convenient)
    when$
    (what|which|time|appointment|preferred|your) slot|(?<!your )appointment time|preferred appointment time
    availabilit(y|ies)|what (works|suits)|slot .. (you|prefer)
""")
_DAY_WORD = "(day|date)"
DAY = wordings(rf"""
    (what|which|preferred|desired|particular|specific|certain|(?<!of )the|a|appointment|start|best|good) {_DAY_WORD}
    {_DAY_WORD} (would|works?|suits?|do|for|you|is|shall|should|(of|for) your)
    (?<!of )(?<!of the ){_DAY_WORD} ?(please)?$
    month and (the |a )?(two[- ]digit )?day|day and (the )?month|month followed by .. day|day of the month
    (what|which|the) (?!times?)(\w+ ){1, 2}day (would|do|should|can|shall|suits|works)
""")
TIME = wordings(r"""
    (what|which|the|a) (other |start |starting |preferred |desired |best |exact |good )?(time|hour)(?! zone)
    (preferred|desired|particular|specific|appointment|start|starting|best|exact) (time|hour)
    (?<!much )(?<!of )times? (would|works?|suits?|do|for|you|is|shall|should|on)
    (?<!of )time ?(please)?$
    times? of (the )?day|how early|o'clock
""")
PURPOSE = wordings(r"""
    (reason|purpose)(?! for (your|the|this) (visit|appointment))|what brings you|why (are you|you('re| are)) calling
    what (are you|is this|you're|you are) (calling|call)|what (is|are) (this|you) (regarding|about)
    how (i|we) (can|may) (help|assist|direct)
    how (can|may|could|shall|should) (i|we) (help|assist|be of|direct)
    what can (i|we) (do for|help)|what would you like to do|how would you like to proceed
    what do you (need|want)( to do)?( today)?$
    what (would you like|you need|you'd like)( today| help with| to do)?$
    (book|schedule|make|reserve|new) .. or .. (cancel|reschedule|change|modify|check|manage|existing)( one)?
    say (book|schedule|appointments?|new appointment)
""")

_BOOKING = "(book|booking|schedule|scheduling|make|reserve|new)"
PURPOSE_CHOICE = wordings(rf"""
    {_BOOKING}[^.?!]{{0,80}} or [^.?!]{{0,40}}(cancel|reschedule|chang)\w*
    {_BOOKING}[^.?!]{{0,80}} or [^.?!]{{0,40}}(modify|check|manage|existing|operator)
""")
NEW_OR_KNOWN = wordings(r"""
    new (\w+ )?or (an? )?(returning|(existing|current|established) (patient|customer|client|caller|member))
    (returning|existing|current|established) (\w+ )?or (an? )?new (patient|customer|client|caller|member)
""")
OPEN_QUESTION = wordings(r"""
    ^(?!is |was |how does |how's (\d|\w+day))(\w+,? ){0,3}(what|which|where|when|who|whom|whose|why|how)(?! about)
""")
WHICH_ONE = wordings(r"""
    which( one| of (these|those|them)| time| slot| day)?( would| do| works?| suits?| is| sounds?| of these| should)
    which one$
""")
"""Asks for one of the things just named."""
_DATE = rf"today|tomorrow|the \d+(st|nd|rd|th)|({'|'.join(MONTHS)}) \d+"
_VALUE = rf"(\d{{1,2}}(:\d\d)? ?[ap]m|{'|'.join(DAYS)}|noon|o'clock|{_DATE})".lower()
OFFER = wordings(rf"{_VALUE}[^.?!]{{0,60}} or [^.?!]{{0,30}}{_VALUE}")
OFFERED_LIST = wordings(rf"{_VALUE}[^.?!]{{0,60}} and [^.?!]{{0,20}}{_VALUE}")
"""Days or times to choose from."""
SAYS_YES_OR_NO = wordings(r"(say|saying|answer|reply|respond)( with)? \W?(either \W?)?yes|yes,? or no")
OTHERWISE = wordings(r"""
    ^(otherwise|if (not|it is not|it's not|it isn't|that is not|this is not|incorrect|wrong))
    (say|answer|reply) \W?no
""")
ANYTHING_ELSE = wordings(
    r"(any|some)thing (else|further|to add)|what else|(other|any) questions|special (requests?|requirements?|needs)"
)
CONFIRM_THIS = wordings(r"^(please|kindly|now|and|so)?,? ?confirm(?!\?)")
GOES_AHEAD = wordings(r"go ahead|proceed|continue|finali[sz]e|(book|reserve|schedule) (it|that|this)")
SAYS_CONFIRM = wordings(r"say \W?confirm|confirm\W? or \W?(cancel|change)")
_AUX = "(is|are|am|was|do|does|did|shall|should|would|will|can|could|may|have|has)(n't)?"
_SUBJECT = "(i|we|you|it|that|this|there|your|the|my|everything|all|these|those|any)"
EITHER = wordings(r"\w+ or (?!not|no|something|anything)\w+( \w+)?$")
"""One of two things nobody knows."""
UNWANTED = wordings(r"""
    you('d like| would like| want| wish| need) to (cancel|delete|resched\w+|change)|heard \W?(cancel|resched\w+)
    (going to|i'll|we'll|i will|about to) (transfer you|put you (through|on hold))
    (will|is going to|is about to) be (cancelled|canceled|deleted|removed)
    (we'll|i'll|will|going to|about to) (cancel|delete|remove)
""")
CONDITION = wordings(r"if|unless|otherwise|not|(would|do|shall|should) (you|i|we)")
AUXILIARY = wordings(rf"""
    ^how does
    ^{_AUX} [^?]*\?$
    (^|and|so|then|now|or|but|well|ok|okay|great|thanks|sorry|(?<=[,;:])) ?{_AUX} {_SUBJECT}
""")
TAG = wordings(
    r"(right|correct|ok|okay|alright|all right|yes|agreed|good|ready|confirm|confirmed|is(n't)? (that|it|this))\W*\?$"
)
STATEMENT = wordings(
    r"is|are|was|have|has|got|thanks?|noted|set|booked|i'll|we'll|let me (?!have|know|get)\w+|one moment|hold"
)
"""Words by which a short sentence without a verb of asking tells something."""

ANSWER_NO = wordings(r"""
    another|any other|again|main menu|to hear|directions|rate|coupon|voucher|discount|member(ship)?
    (another|second|different|other) (appointment|booking|time|day|slot|date|call|visit)
    (book|make|schedule) another|follow-?up
    delet\w+|transfer you|put you through
    chang\w+|cancel\w*|start over|resched\w*|wrong|incorrect|repeat|hear ..(again|options)
    remind\w*|text message|sms|(speak|talk) (to|with)|operator|receptionist|wait(ing)? ?list|newsletter|marketing
    (loyalty|rewards?|program(me)?|survey|feedback)|(hear|need|have|know|add|ask) (\w+ ){0,2}(more|further|extra|else)
    (been|visited|come|booked|called) (\w+ )?(us |here |with us |to .. )?before
    existing|returning|(do|have|are) you already
    do you have an? (appointment|booking|reservation|account)
    add (an?|any|some|anything|something)|leave a message
    (text|email|send you) .. (confirmation|reminder)|confirmation by
""")
ANSWER_YES = wordings(r"""
    how does [^.?!]*(sound|suit|look|work)
    correct|right(?! (eye|ear|side|hand|foot|knee|leg|arm|one|or))|accurate|confirm\w*|agree|accept
    consent|go ahead|proceed|continue|finali[sz]e|ready|happy with
    (book|schedule|reserve|save|make|set|put|lock|pop|pencil|slot|squeeze) (it|this|that|you|your|the|an?|me)
    (take|grab|keep|want|hold) (it|this|that)|(take|keep|hold) (your|the) (appointment|booking|slot|time)
    is (that|this) what you|still (there|here|on the line|with (me|us))|(can|do) you (still )?hear me
    (appointment|booking|visit|reservation) (be )?for (you|yourself)(?! or)
    (?<!you )(complete|finish|submit|place|secure) (it|this|that|the|your)
    (looks?|sounds?|is (that|this|it|everything|now)) (\w+ )?(good|right|ok|okay|fine|you|alright|all right)
    (ok|okay|fine|alright|all right|good) (with|for|to|if) (you|book)|suits?|time (ok|okay|alright|fine)
    works?( for you)?$
    did you say|did i (hear|get|understand|catch|spell|have)|have i (got|understood|spelled)|do i have
    (to|you) book|(like|want|need|about|make|this|it) an? (new )?(appointment|booking)
    help you book|find you a|(shall|should|can) we (start|begin)
    new (patient|customer|client|caller)|first (time|visit)|(calling|ringing|phoning) (from|to (book|schedule|make))
    best number|reach you (at|on)|be all
    is (that|this) (all|everything)$
    is (that|it|this)$
    ^(is )?(all|everything) good
""")
READ_BACK_IS_RIGHT = wordings(r"(is|are) (that|this|it|everything|these) (all )?(correct|right)")
IS_IT_RIGHT = wordings(r"(correct|right|accurate)\W*\?$")
ALL_OF_IT = wordings(rf"^({_AUX}|everything|all)")
BOOKING = wordings(r"""
    book(ed|ing|ings)?|appointments?|visits?|reserv\w+|schedul\w+|slots?
    new (patient|customer|client)|calling from|coming in
""")
THAT_IS_ALL = wordings(r"(is|was|will) (that|this) (be )?(all|everything)")
REFERS_BACK = wordings(r"""
    that|this|it|these|those|everything|all|details|information
    correct|right|okay|ok|good|fine|yes|confirm|ready|i|me
""")
"""A question that points at what was said before it."""
