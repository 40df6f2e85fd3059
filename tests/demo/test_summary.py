"""The end of `facedge demo`: the table of rates and the sentences below it."""

from facedge.demo.summary import CLOSING, count_decisions, summary_rows

ME = [{"decision": "accept"}] * 9 + [{"decision": "reject"}]
OTHERS = [{"decision": "reject"}] * 19 + [{"decision": "accept"}]


def test_the_table_counts_decisions() -> None:
    report = {
        "attributes": {"mean_accuracy": 0.8964, "majority_accuracy": 0.8},
        "verification": {
            "genuine": 1200,
            "impostor": 34_000,
            "eer": 0.0312,
            "identities": 32,
            "tar_at_far": {"1e-2": {"tar": None}},
        },
    }
    rows = {name: (value, remark) for name, value, remark in summary_rows(report, {"parity": {"a": 2e-6}}, ME, OTHERS)}
    assert rows["attribute accuracy"][0] == "89.6 %"
    assert rows["TAR at FAR 1e-2"] == ("-", "1,200 genuine, 34,000 impostor pairs")
    assert rows["FRR of the head"] == ("10.0 %", "1 of 10 new photos of me rejected")
    assert rows["FAR of the head"] == ("5.0 %", "1 of 20 other people accepted")
    assert rows["parity"][0] == "2.0e-06"


def test_decisions_are_counted_in_words() -> None:
    assert count_decisions(ME) == "9 of 10 photos accepted"
    assert count_decisions(OTHERS[:1]) == "0 of 1 photo accepted"


def test_the_closing_names_the_next_commands() -> None:
    for words in ("toy", "facedge bundle show", "facedge enroll NAME --from PHOTOS", "facedge verify PHOTO"):
        assert words in CLOSING
