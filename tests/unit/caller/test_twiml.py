"""Reading TwiML, friendly and hostile."""

import pytest

from prodtest_assets.caller import twiml
from prodtest_assets.caller.faults import BadTwiml
from prodtest_assets.caller.twiml import Gather, parse


def response(inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'.encode()


def test_verbs_come_in_the_order_of_the_document() -> None:
    verbs = parse(
        response(
            "<!-- greeting --><Say voice='alice'>Hello\n  there</Say><Play>/a.mp3</Play><Pause length='3'/>"
            "<Record/><Dial action='/after'>+18005550199</Dial><Reject reason='busy'/>"
            "<Redirect method='GET'> /next?a=1&amp;b=2 </Redirect><Hangup/>"
        )
    ).verbs

    assert verbs == (
        twiml.Say("Hello there"),
        twiml.Play("/a.mp3"),
        twiml.Pause(3),
        twiml.Record(),
        twiml.Dial("+18005550199", "/after", "POST"),
        twiml.Reject("busy"),
        twiml.Redirect("/next?a=1&b=2", "GET"),
        twiml.Hangup(),
    )


def test_an_unknown_verb_is_passed_over_with_a_warning() -> None:
    document = parse(response("<say>Hello</say><Say>Welcome</Say><Sms>later</Sms>"))

    assert document.verbs == (twiml.Say("Welcome"),)
    assert document.warnings == ("<say> is not a TwiML verb and is passed over (provider warning 12200)",)


def test_no_document_brings_more_warnings_than_a_person_reads() -> None:
    assert len(parse(response("".join(f"<a{number}/>" for number in range(2000)))).warnings) == 20


def test_a_gather_without_attributes_has_the_provider_s_defaults() -> None:
    assert parse(response("<Gather/>")).verbs == (
        Gather(
            speech=False,
            keypad=True,
            action="",
            method="POST",
            timeout=5,
            speech_timeout=None,
            num_digits=None,
            finish_on_key="#",
            action_on_empty=False,
            nested=(),
        ),
    )


def test_a_gather_keeps_what_it_says_about_its_answer() -> None:
    (gather,) = parse(
        response(
            "<Gather input='speech dtmf' action='collect?step=2' method='get' timeout='auto' numDigits='2'"
            " finishOnKey='' actionOnEmptyResult='true' speechTimeout='auto' language='en-GB'>"
            "<Say>How long?</Say><Pause/><Play>/beep.wav</Play></Gather>"
        )
    ).verbs

    assert gather == Gather(
        speech=True,
        keypad=True,
        action="collect?step=2",
        method="GET",
        timeout=None,
        speech_timeout=None,
        num_digits=2,
        finish_on_key="",
        action_on_empty=True,
        nested=(twiml.Say("How long?"), twiml.Pause(1), twiml.Play("/beep.wav")),
    )


@pytest.mark.parametrize(
    ("markup", "heard"),
    [
        ("Thank you.<break strength='weak'/>What is your name?", "Thank you. What is your name?"),
        ("<p>Press 1 to book.</p><p>Press 2 to cancel.</p>", "Press 1 to book. Press 2 to cancel."),
        ("<s>Hello.</s><s>Who is calling?</s>", "Hello. Who is calling?"),
        ("On <sub alias='Monday'>Mon</sub>, <emphasis>Jane</emphasis>?", "On Monday, Jane?"),
    ],
)
def test_speech_markup_is_heard_as_it_is_spoken(markup: str, heard: str) -> None:
    assert parse(response(f"<Say>{markup}</Say>")).verbs == (twiml.Say(heard),)


def test_speech_markup_inside_say_is_read_as_its_words() -> None:
    verbs = parse(response("<Say>Your code is <say-as interpret-as='digits'>12</say-as><break/> thanks</Say>")).verbs

    assert verbs == (twiml.Say("Your code is 12 thanks"),)


def test_an_empty_response_has_no_verbs() -> None:
    assert parse(b"<Response/>").verbs == ()


def test_what_changes_nothing_for_the_caller_is_passed_over() -> None:
    assert parse(response("<Start><Stream url='wss://x.example'/></Start><Hangup/>")).verbs == (twiml.Hangup(),)


def test_a_verb_nobody_can_follow_is_kept_by_its_name() -> None:
    assert parse(response("<Enqueue>support</Enqueue>")).verbs == (twiml.NotFollowed("Enqueue"),)


def test_other_encodings_are_read_as_declared() -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?><Response><Say>Grüezi</Say></Response>'.encode("latin-1")

    assert parse(body).verbs == (twiml.Say("Grüezi"),)


BOMB = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Response><Say>&b;</Say></Response>'
OUTSIDE = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><Response><Say>&x;</Say></Response>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not well-formed"),
        (b"not xml at all", "not well-formed"),
        (b"<Response><Say>Hello</Response>", "not well-formed"),
        (b"\n<?xml version='1.0'?><Response/>", "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><Response/>', "not well-formed"),
        (b"<Response><Say>\xff\xfe</Say></Response>", "not well-formed"),
        (b"<html><body>Hello</body></html>", "root is <html>"),
        (response("<Say>" + "<p>" * 30 + "</p>" * 30 + "</Say>"), "deeper than"),
        (response("<Say>" + "a" * twiml.MAX_BYTES + "</Say>"), "longer than 64 KiB"),
        (BOMB, "DOCTYPE or entities"),
        (OUTSIDE, "DOCTYPE or entities"),
    ],
)
def test_what_is_no_twiml_is_refused_in_one_line(body: bytes, reason: str) -> None:
    with pytest.raises(BadTwiml, match=reason) as refused:
        parse(body)

    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("number", ["nan", "inf", "-3", "1e99", "many", ""])
def test_absurd_numbers_fall_back_to_the_default(number: str) -> None:
    (gather,) = parse(response(f"<Gather timeout='{number}' numDigits='{number}'/>")).verbs

    assert isinstance(gather, Gather)
    assert (gather.timeout, gather.num_digits) == (5, None)


@pytest.mark.parametrize(
    ("inner", "warning"),
    [
        ("<Gather method='PUT'/>", 'method="PUT" of <Gather> is neither GET nor POST (provider warning 13312)'),
        ("<Gather timeout='soon'/>", 'timeout="soon" of <Gather> is no positive integer (provider warning 13313)'),
        ("<Gather numDigits='0'/>", 'numDigits="0" of <Gather> is no positive integer (provider warning 13314)'),
        (
            "<Gather speechTimeout='a while'/>",
            'speechTimeout="a while" of <Gather> is neither a positive integer nor auto (provider warning 13327)',
        ),
        (
            "<Gather><Hangup/></Gather>",
            "<Hangup> may not stand inside <Gather> and is passed over (provider warning 13320)",
        ),
        ("<Gather><Say> </Say></Gather>", "<Say> has no text (provider warning 13520)"),
        (
            "<Redirect method='x'>/</Redirect>",
            'method="x" of <Redirect> is neither GET nor POST (provider warning 13710)',
        ),
        ("<Pause length='-1'/>", 'length="-1" of <Pause> is no positive integer (provider warning 13910)'),
    ],
)
def test_what_the_provider_only_warns_of_is_told_under_its_number(inner: str, warning: str) -> None:
    assert parse(response(inner)).warnings == (warning,)


def test_a_document_without_oddities_is_warned_of_nothing() -> None:
    inner = (
        "<Gather input='speech' method='post' timeout='5' speechTimeout='auto' numDigits='2'><Say>Hello</Say></Gather>"
        "<Pause length='2'/><Redirect method='GET'>/next</Redirect>"
    )

    assert parse(response(inner)).warnings == ()
