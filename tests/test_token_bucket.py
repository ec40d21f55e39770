"""So many at once, and then no faster than the bucket fills."""

from playground.token_bucket import MAX_BUCKETS, TokenBuckets


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = TokenBuckets(2, 10.0, lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 10.0]
    assert buckets.take("b") == 0.0
    now[0] = 4.0
    assert round(buckets.take("a"), 6) == 6.0
    now[0] = 10.0
    assert [buckets.take("a"), round(buckets.take("a"), 6)] == [0.0, 10.0]
    now[0] = 1000.0
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 10.0]


def test_names_are_bounded() -> None:
    buckets = TokenBuckets(1, 10.0, lambda: 0.0)
    for number in range(MAX_BUCKETS + 1):
        buckets.take(str(number))
    assert buckets.take("0") == 0.0
    assert buckets.take(str(MAX_BUCKETS)) > 0
