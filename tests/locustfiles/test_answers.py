"""Which answers a worker keeps: a small sample of all, and of graded cases as many as the scenario says."""

import random

from locustfiles._answers import SAMPLE, Answer, Answers

LANE = ("large", "")


def answer(number: int, phase: str = "steady") -> Answer:
    """Make an answer."""
    return Answer("large", "", phase, "w0", f"t{number}", "case", 1, "Hi", f"Hello {number}", "", "ok", "stop")


def kept(keep: int, answers: list[Answer], *, graded: bool) -> list[str]:
    """Offer answers; give the turns kept."""
    answers_kept = Answers(7, keep)
    for one in answers:
        if answers_kept.wants(LANE, one.phase, one.turn_id, graded=graded):
            answers_kept.offer(one, graded=graded)
    return [document["turn_id"] for document in answers_kept.documents()]


def test_every_graded_answer_is_kept_up_to_the_bound() -> None:
    """Below the bound none is missing; beyond it there are as many as it says, and at most the sample more."""
    many = [answer(number) for number in range(300)]
    assert sorted(kept(1000, many, graded=True)) == sorted(f"t{number}" for number in range(300))
    assert len(kept(100, many, graded=True)) == 100
    assert len(kept(1000, many, graded=False)) == SAMPLE


def test_the_same_turns_are_kept_in_whatever_order_they_end() -> None:
    """The seed decides, not the clock."""
    many = [answer(number) for number in range(300)]
    shuffled = random.Random(3).sample(many, len(many))
    assert kept(100, many, graded=True) == kept(100, shuffled, graded=True)


def test_only_the_steady_phase_is_graded() -> None:
    """Warm-up and drain leave no more than the sample for people to read."""
    assert len(kept(1000, [answer(number, "warm_up") for number in range(300)], graded=True)) == SAMPLE
