"""Ratios are taken within a round, so that a slow moment of the machine hits both sides."""

from bench.report import Bar, ratio


def test_a_drift_of_the_machine_does_not_move_a_ratio():
    rounds = {
        "floor": [{"cpu_us": 100.0}, {"cpu_us": 200.0}, {"cpu_us": 400.0}],
        "case": [{"cpu_us": 150.0}, {"cpu_us": 300.0}, {"cpu_us": 600.0}],
    }
    assert ratio(rounds, "case", "floor", "cpu_us") == 1.5


def test_a_bar_is_held_on_its_own_side():
    assert Bar("CPU", 3.0, 3, True, "x R").is_held
    assert not Bar("CPU", 3.1, 3, True, "x R").is_held
    assert Bar("requests/s", 0.4, 0.3, False, "x R").is_held
    assert "MISSED" in Bar("requests/s", 0.2, 0.3, False, "x R").line()
