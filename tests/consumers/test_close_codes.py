from consumers.close_codes import CloseCode


def test_the_range_says_whether_to_reconnect():
    assert {code for code in CloseCode if code.may_reconnect} == {4009, 4012, 4013, 4029}
    assert all(4000 <= code < 5000 for code in CloseCode)


def test_a_reason_is_a_word_of_the_protocol():
    assert CloseCode.SIGNED_OUT.reason == "signed_out"
